"""Many at once: started in few round trips, then paused, resumed and cancelled by ids or by a filter.

A newsletter goes to many readers, one execution each, and a bad address stops nobody else. Those of one tenant are held back and let go
again; the rest of a campaign is called off.

Run it here, on the embedded store:

    python examples/bulk.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.bulk
    python examples/bulk.py

The same from the command line: `spane pause --tenant north`, `spane cancel --workflow newsletter`, `spane ls`, `spane stats`.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from spane import Engine, Execution, node, workflow


@node
def compose(reader: str) -> str:
    return f"Dear {reader}"


@node
def send(letter: str) -> str:
    return f"{letter}, read on"


@workflow
def newsletter(reader: str) -> str:
    return send(compose(reader))


def main(engine: Engine, readers: int = 50) -> list[str]:
    """Return what happened."""
    told = []
    given: list[dict[str, Any]] = [{"reader": f"reader {number}"} for number in range(readers)]
    answers = engine.start_many(newsletter, [*given, {"reader": 7}], tenant="south")
    started = [answer for answer in answers if isinstance(answer, Execution)]
    told.append(f"{len(started)} started, {len(answers) - len(started)} refused")
    told.append(f"first: {started[0].result(timeout_s=30)}")

    later = engine.start_many(newsletter, given, tenant="north", delay_s=3600)
    paused = engine.pause_many(tenant="north", reason="legal looks it over")
    told.append(f"{len(paused)} paused")
    first = [one.id for one in later[:10] if isinstance(one, Execution)]
    told.append(f"resumed: {dict(Counter(str(status) for status in engine.resume_many(first).values()))}")
    told.append(f"again: {dict(Counter(type(answer).__name__ for answer in engine.resume_many(first).values()))}")
    told.append(f"{len(engine.cancel_many(tenant='north', reason='called off'))} cancelled")
    told.append(f"{len(engine.executions(tenant='north'))} left")
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
