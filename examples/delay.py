"""Delays: a start at a time, a node that begins later, and a sleep between two nodes. None of them holds a worker.

Run it here, on the embedded store:

    python examples/delay.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.delay
    python examples/delay.py
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

from spane import Engine, InputError, node, sleep, workflow


@node
def put_in() -> float:
    return time.time()


@node
def take_out(put_in_at: float) -> float:
    return time.time() - put_in_at


@node(delay_s=0.5)
def serve(took_s: float) -> tuple[float, float]:
    return took_s, time.time()


@workflow
def bake(seconds: float = 1.0) -> tuple[float, float]:
    # The seconds may come from a node as well; here they are an input.
    return serve(take_out(sleep(put_in(), seconds)))


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    asked = time.time()
    at_once = engine.start(bake, {})
    later = engine.start(bake, {"seconds": 0.5}, delay_s=2)
    at_noon = engine.start(bake, {"seconds": 0}, at=datetime.now(UTC) + timedelta(seconds=1))
    told = []
    for name, run, bakes_s, served_s in (
        ("bread", at_once, 1.0, 1.5),
        ("cake", later, 0.5, 3.0),
        ("pie", at_noon, 0.0, 1.5),
    ):
        baked_s, served_at = run.result(timeout_s=30)
        early = baked_s < bakes_s or served_at - asked < served_s
        told.append(f"{name}: baked for {bakes_s} s, {'too early' if early else 'and served in its time'}")
    try:
        engine.start(bake, {}, at=datetime.now(UTC) - timedelta(days=1))
    except InputError as error:
        told.append(f"the past is refused: {type(error).__name__}")
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
