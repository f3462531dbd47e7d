"""The parts of the pages that are made from the code.

`python -m tests.docs.generated` writes them anew; a test fails when they are stale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from typer.main import get_command

from spane.cli.app import app
from spane.cli.exits import Exit
from spane.model import state
from spane.settings import NODE_JS_NAMES, PREFIX, Settings
from tests.docs import definition_keys, reference

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("docs/*.md"))
PART = re.compile(r"(<!-- generated: ([\w ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def diagram(transitions: Mapping[StrEnum, frozenset[StrEnum]], first: StrEnum) -> str:
    """Return a Mermaid state diagram of a table of transitions."""
    lines = [f"    [*] --> {first}"]
    for source, targets in transitions.items():
        lines += [f"    {source} --> {target}" for target in type(source) if target in targets]
        if source.ended:  # type: ignore[attr-defined]
            lines.append(f"    {source} --> [*]")
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def settings() -> str:
    """Return a table of all settings."""
    rows = ["| variable | default | says | also read |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = (
            "number of cores"
            if name == "worker_processes"
            else ""
            if default in (None, frozenset())
            else f"`{default}`"
        )
        other = f"`{NODE_JS_NAMES[name]}`" if name in NODE_JS_NAMES else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} | {other} |")
    return "\n".join(rows)


def exit_codes() -> str:
    """Return a table of the exit codes."""
    return "\n".join(["| code | meaning |", "|---|---|", *(f"| {code.value} | {code.meaning} |" for code in Exit)])


def options(verb: str) -> str:
    """Return a table of a verb's arguments and options, with what `--help` says about each."""
    rows = ["| | |", "|---|---|"]
    command: Any = get_command(app)
    for name in verb.split():
        command = command.commands[name]
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            shown = f"`{parameter.metavar}{'...' if parameter.nargs == -1 else ''}`"
        else:
            value = "" if getattr(parameter, "is_flag", False) else f" {parameter.metavar or 'VALUE'}"
            shown = ", ".join(f"`{name}{value}`" for name in parameter.opts)
        rows.append(f"| {shown} | {getattr(parameter, 'help', '')} |")
    return "\n".join(rows)


VERBS = (
    "run", "graph", "check", "worker", "ls", "show", "explain", "pause", "resume", "cancel", "signal", "replay", "dlq ls", "dlq show",
    "dlq retry", "dlq discard", "breakers ls", "breakers reset", "stats",
)  # fmt: skip

PARTS: dict[str, Callable[[], str]] = {
    "node states": lambda: diagram(state.NODE_TRANSITIONS, state.NodeState.WAITING),
    "execution states": lambda: diagram(state.EXECUTION_TRANSITIONS, state.ExecutionState.SCHEDULED),
    "settings": settings,
    **{f"reference of {room}": partial(reference.room, room) for room in reference.ROOMS},
    "errors": reference.error_tree,
    **{f"keys of {noun}": partial(definition_keys.table, noun) for noun in definition_keys.SHAPES},
    "exit codes": exit_codes,
    **{f"options {verb}": lambda verb=verb: options(verb) for verb in VERBS},
}


def fresh(page: str) -> str:
    """Return a page with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[4]}", page)


def main() -> None:
    """Write all pages anew."""
    for path in PAGES:
        path.write_text(fresh(path.read_text()))


if __name__ == "__main__":
    main()
