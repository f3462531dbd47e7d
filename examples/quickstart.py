"""Quickstart: three functions, wired twice.

Shows `@node`, a `@workflow` body, the same workflow built from signatures alone by `workflow.of`, and plain calls.

Run it here, on the embedded store:

    spane run examples/quickstart.py:weather city=Vienna

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.quickstart
    spane run examples/quickstart.py:weather city=Vienna

Or without either, in this process alone: `python examples/quickstart.py`
"""

from __future__ import annotations

from spane import Retry, node, workflow

DAYS = {"Vienna": [11.5, 14.0, 12.5], "Lisbon": [17.0, 19.5]}


@node(retry=Retry(attempts=5, base_s=0.5))
def readings(city: str) -> list[float]:
    """Return the last days' temperatures; a call over the network would stand here."""
    return DAYS.get(city, [0.0])


@node
def average(readings: list[float]) -> float:
    return sum(readings) / len(readings)


@node
def summary(city: str, average: float, readings: list[float]) -> str:
    return f"{city}: {average:.1f} degrees over {len(readings)} days"


@workflow
def weather(city: str) -> str:
    """Each call is a node; what is passed becomes an edge."""
    days = readings(city)
    return summary(city, average(days), days)


# The same graph from signatures alone: a parameter named like a node takes that node's output, any other is an input.
forecast = workflow.of("forecast", readings, average, summary)


if __name__ == "__main__":
    print(readings("Vienna"))  # a node called outside a body is just its function
    print(weather(city="Vienna"))  # a workflow called runs as a whole, in this process
    print(forecast(city="Lisbon"))
