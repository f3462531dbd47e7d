"""Compensation: what was done is undone when a later step fails.

A trip is booked in three steps. Where there is no car, the flight and the hotel that were booked before are cancelled again,
the last one first, and then the traveller is told. A trip that is
cancelled while it is booked is undone in the same way.

Run it here, on the embedded store:

    python examples/compensation.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.compensation
    python examples/compensation.py
"""

from __future__ import annotations

import os

from spane import Context, Engine, ExecutionFailed, Failure, Retry, current, node, workflow

ONCE = Retry(attempts=1)


@node(retry=Retry(attempts=5))
def cancel_flight(booking: str, context: Context = current()) -> str:
    # The same key at every attempt: whoever is asked twice cancels once.
    return f"{booking} cancelled ({context.node})"


@node(undo=cancel_flight)
def book_flight(city: str) -> str:
    return f"flight to {city}"


def cancel_hotel(output: str) -> str:
    return f"{output} cancelled"


@node(undo=cancel_hotel)
def book_hotel(city: str, flight: str) -> str:
    return f"hotel in {city} after the {flight}"


@node(retry=ONCE)
def rent_car(city: str) -> str:
    if city == "Venice":
        raise LookupError("there are no cars in Venice")
    return f"car in {city}"


@node
def tell(failure: Failure, city: str) -> str:
    return f"no trip to {city}: {failure.node} said {failure.error.message!r}"


@workflow(on_failure=tell)
def trip(city: str) -> list[str]:
    flight = book_flight(city)
    hotel = book_hotel(city, flight)
    return [flight, hotel, rent_car.options(after=hotel)(city)]


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    told = []
    for city in ("Vienna", "Venice"):
        execution = engine.start(trip, {"city": city})
        try:
            told.append(f"{city}: {', '.join(execution.result(timeout_s=30))}")
        except ExecutionFailed as error:
            told.append(f"{city}: failed at {error.node}")
            told += [f"  {view.id} {view.state}" for view in execution.nodes().values() if "~" in view.id]
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
