"""The reference: every public name with its signature and docstring, as plain Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from spane import errors
from spane.authoring import (
    branches,
    breaker,
    coalescing,
    conditions,
    context,
    decorating,
    limits,
    node,
    parents,
    repeating,
    resources,
    retry,
    waiting,
    workflow,
)
from spane.control import breakers, causes, dead_letters, execution, explaining, many
from spane.control import views as node_views
from spane.engine import Engine
from spane.model import event, outcome, route, state
from spane.ops import breakers as views
from spane.runtime import pools
from spane.settings import Settings
from spane.testing import crashing, replacing, story, workbench

ROOMS: dict[str, dict[str, Any]] = {
    "authoring": {
        "@node": node.node,
        "Node": node.Node,
        "@workflow": decorating.workflow.__call__,
        "workflow.of": decorating.workflow.of,
        "when": branches.when,
        "When": branches.When,
        "switch": branches.switch,
        "Switch": branches.Switch,
        "coalesce": coalescing.coalesce,
        "in_order": branches.in_order,
        "sleep": waiting.sleep,
        "wait_for_event": waiting.wait_for_event,
        "repeat_until": repeating.repeat_until,
        "not_": conditions.not_,
        "is_none": conditions.is_none,
        "one_of": conditions.one_of,
        "Workflow": workflow.Workflow,
        "Bound": workflow.Bound,
        "Retry": retry.Retry,
        "Breaker": breaker.Breaker,
        "Limit": limits.Limit,
        "Context": context.Context,
        "current": context.current,
        "use": resources.use,
        "Parents": parents.Parents,
        "Route": route.Route,
    },
    "running": {
        "Engine": Engine,
        "Execution": execution.Execution,
        "NodeView": node_views.NodeView,
        "Explanation": explaining.Explanation,
        "Cause": causes.Cause,
        "Breakers": breakers.Breakers,
        "BreakerView": views.BreakerView,
        "BreakerState": views.BreakerState,
        "DeadLetters": dead_letters.DeadLetters,
        "DeadLetter": dead_letters.DeadLetter,
        "Stats": many.Stats,
        "LimitView": pools.LimitView,
        "Event": event.Event,
        "EventKind": event.EventKind,
        "ExecutionState": state.ExecutionState,
        "NodeState": state.NodeState,
        "NodeError": outcome.NodeError,
        "Failure": outcome.Failure,
        "Settings": Settings,
    },
    "testing": {
        "spane": workbench.Workbench,
        "Replacement": replacing.Replacement,
        "Events": story.Events,
        "Crash": crashing.Crash,
    },
}
_DOCSTRINGS = {"@workflow": type(decorating.workflow)}
#: What a caller does not make: it is got from an engine, a node or the fixture.
_GIVEN = {
    "DeadLetter",
    "DeadLetters",
    "Node",
    "Stats",
    "Workflow",
    "When",
    "Switch",
    "Context",
    "Execution",
    "spane",
    "Replacement",
    "Events",
    "Crash",
}
#: What one room asks of another.
_INTERNAL = {
    "Cause.alike",
    "Cause.of_many",
    "Node.placed",
    "Node.same_function",
    "Workflow.draft",
    "spane.explain",
    "spane.hide_engine",
}
_SECTION = re.compile(r"^(Args|Raises|Returns|Yields):$")
_ITEM = re.compile(r"^    ([\w*, ]+): (.*)$")
_WIDE = 100


def room(name: str) -> str:
    """Return the reference of all names of a room."""
    return "\n\n".join(block for shown, thing in ROOMS[name].items() for block in _entry(shown, thing))


def error_tree() -> str:
    """Return the tree of errors, and what each of them says."""
    source = inspect.getdoc(errors) or ""
    classes = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, errors.SpaneError)]
    rows = [
        f"| `{cls.__name__}` | {_one_line(cls)} |" for cls in classes if not cls.__name__.startswith("_")
    ]  # fmt: skip
    tree = inspect.cleandoc("\n".join(line for line in source.splitlines() if line.startswith("    ")))
    return "\n".join(["```text", tree, "```", "", "| error | is |", "|---|---|", *rows])


def _one_line(thing: Any) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _entry(shown: str, thing: Any) -> Iterator[str]:
    yield f"### `{shown}`"
    if inspect.isclass(thing) and issubclass(thing, Enum):
        yield _one_line(thing)
        yield _event_kinds() if thing is event.EventKind else ", ".join(f"`{member.value}`" for member in thing)
        return
    if not (shown in _GIVEN or thing is Settings):
        yield _signature(shown, thing)
    yield _prose(_DOCSTRINGS.get(shown, thing))
    if thing is Settings:
        yield "Its fields are the [settings](redis.md#settings) in lower case and without `SPANE_`."
    elif inspect.isclass(thing):
        attributes = [f"`{name}: {kind}`" for name, kind in inspect.get_annotations(thing).items() if name[0] != "_"]
        if shown in _GIVEN and attributes:
            yield f"It has {', '.join(attributes)}."
        for name, member in _members(thing):
            if f"{shown}.{name}" in _INTERNAL:
                continue
            yield f"#### `{shown}.{name}`" if name != "__call__" else f"#### `{shown}(...)`"
            if not isinstance(member, property):
                yield _signature(name if name != "__call__" else shown.lower(), member)
            yield _prose(member)


def _event_kinds() -> str:
    parts = {kind: names for table in (event._EXECUTION_KINDS, event._NODE_KINDS) for kind, names in table.values()}
    own = {"node", "token", "attempt", "error"}  # fields of `Event` itself
    rows = ["| kind | its `data` |", "|---|---|"]
    for kind in event.EventKind:
        data = ", ".join(f"`{name}`" for name in parts.get(kind, ()) if name not in own)
        rows.append(f"| `{kind.value}` | {data} |")
    return "\n".join(rows)


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(cls).items():
        called = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        documented = isinstance(member, property) or inspect.isfunction(called)
        if documented and inspect.getdoc(member) and (not name.startswith("_") or name == "__call__"):
            yield name, called


def _signature(shown: str, thing: Callable[..., Any]) -> str:
    parts: list[str] = []
    before: Any = None
    signature = inspect.signature(thing)
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if before is not None and before.kind is before.POSITIONAL_ONLY and parameter.kind is not before.kind:
            parts.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and not any(part.startswith("*") for part in parts):
            parts.append("*")
        parts.append(_parameter(parameter))
        before = parameter
    returns = signature.return_annotation
    arrow = "" if returns is signature.empty or inspect.isclass(thing) else f" -> {_annotation(returns)}"
    line = f"{shown}({', '.join(parts)}){arrow}"
    if len(line) > _WIDE:
        line = "\n".join([f"{shown}(", *(f"    {part}," for part in parts), f"){arrow}"])
    return f"```py\n{line}\n```"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    typed = "" if parameter.annotation is parameter.empty else f": {_annotation(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return f"{stars}{parameter.name}{typed}"
    default = parameter.default.__name__ if inspect.isclass(parameter.default) else repr(parameter.default)
    # What stands for "not given", and what only a factory makes.
    default = "..." if default in ("UNSET", "MARKER") or default.startswith("<") else default
    return f"{stars}{parameter.name}{typed} = {default}" if typed else f"{stars}{parameter.name}={default}"


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _prose(thing: Any) -> str:
    """Return a docstring as Markdown: sections as lists, examples as code."""
    lines: list[str] = []
    in_section = in_example = False
    for line in (inspect.getdoc(thing) or "").splitlines():
        example = line.startswith((">>>", "..."))
        if example != in_example and (example or line.strip() == ""):
            lines.append("```pycon" if example else "```")
            in_example = example
        if found := _SECTION.match(line):
            lines += [f"**{found[1]}**", ""]
            in_section = True
        elif in_section and (item := _ITEM.match(line)):
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif in_section and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            in_section = in_section and line.startswith(" ")
            lines.append(line)
    return "\n".join([*lines, "```"] if in_example else lines).strip()
