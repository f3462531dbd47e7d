"""Priorities: 10 comes first, 1 last, and 5 is what a start has unless it says otherwise.

A single kitchen cooks what was ordered. While it is busy, orders wait, and the most urgent is cooked next, whenever it came.

Run it here, on the embedded store:

    python examples/priority.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.priority
    python examples/priority.py
"""

from __future__ import annotations

import os
import time

from spane import Engine, InputError, node, workflow


@node(limit=1)
def cook(dish: str, seconds: float) -> tuple[float, str]:
    time.sleep(seconds)
    return time.time(), dish


@workflow
def kitchen(dish: str, seconds: float = 0.02) -> tuple[float, str]:
    return cook(dish, seconds)


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    orders = {"the roast": 10, "porridge": 1, "soup": 5, "a sandwich for the train": 10, "fish": 7}
    started = [
        engine.start(kitchen, {"dish": dish, "seconds": 1.0 if dish == "the roast" else 0.02}, priority=priority)
        for dish, priority in orders.items()
    ]
    started.append(engine.start(kitchen, {"dish": "stew"}))
    done = sorted(execution.result(timeout_s=30) for execution in started)
    told = [", ".join(dish for _, dish in done)]
    try:
        engine.start(kitchen, {"dish": "cake"}, priority=11)
    except InputError as error:
        told.append(error.problems[0])
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
