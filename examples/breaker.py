"""A circuit breaker: after three failures the bank is left alone, payments wait, and all go on when it is back.

    python examples/breaker.py

runs it on the embedded store; with SPANE_REDIS_URL set it runs on Redis, where a worker does the work:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.breaker &
    python examples/breaker.py
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

from spane import Breaker, Engine, Retry, node, workflow

TRIED_ONCE = Retry(attempts=1)
BANK = Breaker(name="bank", failure_threshold=3, success_threshold=1, timeout_s=1, when_open="wait")


@node(retry=TRIED_ONCE, breaker=BANK)
def pay(order: int, bank: str) -> str:
    """Pay, if the bank answers: a file stands for it."""
    if not Path(bank).exists():
        raise ConnectionError("the bank does not answer")
    return f"order {order} is paid"


@workflow
def payment(order: int, bank: str) -> str:
    return pay(order, bank)


def main(engine: Engine) -> list[str]:
    """Let payments fail, let others wait, and see them go on; returns what happened."""
    with TemporaryDirectory() as folder:
        bank = str(Path(folder, "bank"))

        def start(order: int) -> Any:
            return engine.start(payment, {"order": order, "bank": bank})

        told = [f"order {order} {start(order).wait(timeout_s=30)}" for order in range(3)]
        waiting = [start(order) for order in range(3, 6)]
        while engine.breakers.get("bank").waiting < len(waiting):
            sleep(0.01)
        told.append(f"{len(waiting)} orders wait, for a {waiting[0].explain().nodes['pay'].kind}")
        Path(bank).touch()
        told += [each.result(timeout_s=30) for each in waiting]
        return [*told, f"the breaker of the bank is {engine.breakers.get('bank').state}"]


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
