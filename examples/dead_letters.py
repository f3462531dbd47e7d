"""Dead letters: a node that used up its attempts is kept with all that it needs, and runs again when its cause is mended.

The ferry does not sail, so parcels for the island fail: each leaves a dead letter. Once it sails again (a file says so, for the
workers to see), they are retried: the executions go on where they failed, and complete. One parcel is given up.

Run it here, on the embedded store:

    python examples/dead_letters.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.dead_letters
    python examples/dead_letters.py

The same from the command line: `spane dlq ls`, `spane dlq show ID`, `spane dlq retry ID`, `spane dlq discard ID`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from spane import Engine, Retry, node, workflow


@node
def pack(parcel: str) -> str:
    return f"{parcel}, packed"


@node(retry=Retry(attempts=2, base_s=0.05))
def ferry(packed: str, timetable: str) -> str:
    if not Path(timetable).exists():
        raise ConnectionError("the ferry does not sail")
    return f"{packed}, ferried"


@node
def hand_over(ferried: str) -> str:
    return f"{ferried}, handed over"


@workflow
def island_post(parcel: str, timetable: str) -> str:
    return hand_over(ferry(pack(parcel), timetable))


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    told = []
    with tempfile.TemporaryDirectory() as folder:
        timetable = Path(folder) / "timetable"
        posted = {
            name: engine.start(island_post, {"parcel": name, "timetable": str(timetable)})
            for name in ("letter", "box", "crate")
        }
        told += [f"{name} {execution.wait(timeout_s=30)}" for name, execution in posted.items()]
        ids = {execution.id: name for name, execution in posted.items()}
        dead = {ids[letter.execution]: letter for letter in engine.dead_letters if letter.execution in ids}
        told += [
            f"{name}: {dead[name].node} failed after {dead[name].attempts} attempts, {dead[name].error}"
            for name in posted
        ]
        engine.dead_letters.discard(dead["crate"].id)
        timetable.touch()
        engine.dead_letters.retry_many([dead["letter"].id, dead["box"].id])
        told += [posted[name].result(timeout_s=30) for name in ("letter", "box")]
        told.append(f"crate stays {posted['crate'].status()}")
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
