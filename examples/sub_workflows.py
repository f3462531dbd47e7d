"""Workflows in workflows: children that run at once, a repeated one, and a failure that is mended.

A school's report is made of one report for each class, each by the same workflow. A title is improved round by round until it is
short enough. A class whose marks cannot be read fails its report and with it the school's; once the marks are there, its dead letter
is retried, and the whole goes on.

Run it here, on the embedded store:

    python examples/sub_workflows.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.sub_workflows
    python examples/sub_workflows.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from spane import Engine, ExecutionFailed, Retry, node, repeat_until, workflow


@node(retry=Retry(attempts=1))
def read_marks(name: str, folder: str) -> list[int]:
    return [int(mark) for mark in (Path(folder) / name).read_text().split()]


@node
def average(marks: list[int]) -> float:
    return sum(marks) / len(marks)


@workflow
def class_report(name: str, folder: str) -> float:
    return average(read_marks(name, folder))


@node
def shorten(title: str) -> dict[str, str | int]:
    words = title.split()
    shorter = " ".join(words[:-1])
    return {"title": shorter, "length": len(shorter)}


@node
def title_of(shortened: dict[str, str | int]) -> str:
    return str(shortened["title"])


@workflow
def shorter(title: str) -> str:
    return title_of(shorten(title))


@node
def report(title: str, first: float, second: float) -> str:
    return f"{title}: {first:.1f} and {second:.1f}"


@workflow
def school_report(title: str, wanted: str, folder: str) -> str:
    final = repeat_until(shorter, title, lambda shortened: shortened == wanted, max_iterations=10)
    first = class_report.named("class_1a")("1a", folder)
    second = class_report.named("class_1b")("1b", folder)
    return report(final, first, second)


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    told = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "1a").write_text("1 2 3")
        inputs = {"title": "Marks of all of the classes", "wanted": "Marks", "folder": folder}
        execution = engine.start(school_report, inputs)
        try:
            execution.result(timeout_s=60)
        except ExecutionFailed as error:
            told.append(f"{error.node} failed")
        (Path(folder) / "1b").write_text("2 2 5")
        below = [child.id for child in execution.children()]
        [letter] = [each for each in engine.dead_letters if each.execution in below]
        engine.dead_letters.retry(letter.id)
        told.append(execution.result(timeout_s=60))
        told.append(f"{len(execution.children())} children")
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
