"""What the built-in node types do that run workflows as child executions: they hold no worker while those run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from spane.authoring.context import Context, backend_of
from spane.errors import Unrecoverable, ValueMismatch
from spane.model.outcome import Descends, Undoes
from spane.model.plan import is_step

#: What the context is called among their parameters: like no input, for inputs are passed beside it.
CONTEXT = "spane.context"


def run(*data: Any, **inputs: Any) -> Descends | msgspec.Raw | dict[str, Any]:
    """Start a workflow with these inputs, and once it has ended return its result.

    `data` is an object of inputs as a whole. `inputMapping` of the config takes inputs out of it, `{input: key}`, and
    `outputMapping` makes a result, `{key: key of the result}`; a key may lead on by dots. What is not there is left out.
    """
    context: Context = inputs.pop(CONTEXT)
    if context.came is None:
        return backend_of(context).descend(_inputs(context, data, inputs), 1)
    raw, _ = ended(context)
    mapping = context.config.get("outputMapping")
    return msgspec.Raw(raw) if mapping is None else _mapped(mapping, json.loads(raw))


def undo(context: Context) -> Undoes | None:
    """Have the workflows that a node ran undo what they did, one after the other, the last first."""
    if not is_step(context.node):
        raise Unrecoverable(
            f"Node {context.node!r} undoes nothing: its type stands for what follows a failure. Take it out."
        )
    if context.came is None:
        return Undoes()
    status, child, number = context.came.decode()[1:].split("|")
    if status == "gone":
        raise Unrecoverable(
            f"Execution {child!r} is not in the store any more, which has lost data: nobody knows what it did, so undo it by hand."
        )
    return Undoes() if int(number) > 1 else None


def ended(context: Context) -> tuple[bytes, int]:
    """Return the result of the child that the node waited for, and which round it was."""
    status, child, number = (context.came or b"").decode()[1:].split("|")
    return backend_of(context).ending(child, status), int(number)


def _inputs(context: Context, data: tuple[Any, ...], inputs: dict[str, Any]) -> dict[str, Any]:
    mapping = context.config.get("inputMapping")
    found: dict[str, Any] = {}
    for whole in data:
        if isinstance(whole, dict):
            found |= whole
        elif mapping is None:
            raise ValueMismatch(
                f"Node {context.node!r} runs a workflow that takes its inputs by name, and is given {type(whole).__name__}. "
                "Return an object from the node before it.",
                node=context.node,
                parameter="inputs",
            )
    found |= inputs
    return found if mapping is None else _mapped(mapping, found)


def _mapped(mapping: Mapping[str, str], whole: Any) -> dict[str, Any]:
    """Return `{key: what stands at its path}`, without those that lead nowhere."""
    found = {}
    for key, path in mapping.items():
        value, there = _at(whole, path)
        if there:
            found[key] = value
    return found


def _at(whole: Any, path: str) -> tuple[Any, bool]:
    """Return what stands at a path of keys joined by dots, and whether anything does; a key with dots wins."""
    if isinstance(whole, dict) and path in whole:
        return whole[path], True
    first, dot, rest = path.partition(".")
    if dot and isinstance(whole, dict) and first in whole:
        return _at(whole[first], rest)
    return None, False
