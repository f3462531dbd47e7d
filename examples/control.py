"""Pause, resume and cancel.

An oven that has to cool down pauses the baking: nothing new starts, what is in the oven may finish, and after the resume the
rest goes on. An order that is withdrawn is cancelled: the loaf that proves is told why, and nothing of it goes on.

Run it here, on the embedded store:

    python examples/control.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.control
    python examples/control.py

The same from the command line, while something runs: `spane ls`, `spane pause ID`, `spane resume ID`, `spane cancel ID`.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from spane import Context, Engine, Execution, ExecutionCancelled, current, node, workflow


@node
def knead(loaf: str) -> str:
    return f"{loaf} dough"


@node
def bake(dough: str) -> str:
    time.sleep(0.3)
    return f"baked {dough}"


@workflow
def bread(loaf: str) -> str:
    return bake(knead(loaf))


@node
async def prove(loaf: str, context: Context = current()) -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        context.logger.info("stopped: %s", context.cancel_reason)
        raise
    return loaf


@workflow
def sourdough(loaf: str) -> str:
    return bake(prove(loaf))


def claimed(execution: Execution[Any], name: str) -> None:
    """Wait until a worker has taken a node."""
    for event in execution.events(follow=True):
        if event.kind == "node_claimed" and event.node == name:
            return


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    told = []
    baking = engine.start(bread, {"loaf": "rye"})
    claimed(baking, "knead")
    baking.pause("the oven has to cool down")
    told.append(f"rye is {baking.status()}")
    baking.resume()
    told.append(f"rye goes on: {baking.result(timeout_s=30)}")
    withdrawn = engine.start(sourdough, {"loaf": "wheat"})
    claimed(withdrawn, "prove")
    withdrawn.cancel("the order was withdrawn")
    try:
        withdrawn.result(timeout_s=30)
    except ExecutionCancelled as error:
        told.append(f"wheat is {withdrawn.status()}: {error.reason}")
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
