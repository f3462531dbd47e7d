"""Deduplication: a start with a key runs once, however often it is asked for.

A shop's web page may send an order twice, and a webhook certainly does. With the order's number as the key, every start of it
gives the same execution, while it runs and for a day after.

Run it here, on the embedded store:

    python examples/deduplication.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.deduplication
    python examples/deduplication.py
"""

from __future__ import annotations

import os
import uuid

from spane import Engine, node, workflow
from spane.errors import KeyConflict


@node
def place_order(number: int, total: float) -> str:
    return f"order {number} over {total:.2f}"


@workflow
def order(number: int, total: float) -> str:
    return place_order(number, total)


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    key = f"order-7-{uuid.uuid4()}"
    first = engine.start(order, {"number": 7, "total": 30.0}, key=key)
    second = engine.start(order, {"number": 7, "total": 30.0}, key=key)
    told = [f"the same execution: {first.id == second.id}", second.result(timeout_s=30)]
    third = engine.start(order, {"number": 7, "total": 30.0}, key=key)
    told.append(f"asked for again it is {third.status()}, and the same: {third.id == first.id}")
    try:
        engine.start(order, {"number": 7, "total": 99.0}, key=key)
    except KeyConflict as conflict:
        told.append(f"other inputs are a conflict with that execution: {conflict.execution == first.id}")
    many = engine.start_many(order, [{"number": 7, "total": 30.0}] * 3, keys=[key] * 3)
    told.append(f"many at once are one: {len({getattr(one, 'id', one) for one in many})}")
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
