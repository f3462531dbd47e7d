"""What conditions are made of: their operands, with others in their place, and in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from spane.graph.paths import spelled
from spane.graph.spelling import listing
from spane.model.expressions import (
    All,
    AnyOf,
    Compare,
    Condition,
    Constant,
    Fields,
    First,
    Input,
    IsNone,
    Items,
    Not,
    OneOf,
    Output,
    Source,
)

#: A label of a drawing is cut beyond this.
_LONGEST = 60
_OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", "<=": ">", ">": "<="}


def operands(condition: Condition) -> Iterator[Source]:
    """Yield the sources that a condition looks at, left to right, each as a whole."""
    match condition:
        case Compare(_, left, right):
            yield from (left, right)
        case OneOf(source, _) | IsNone(source):
            yield source
        case All(items) | AnyOf(items):
            for item in items:
                yield from operands(item)
        case Not(item):
            yield from operands(item)


def replaced(condition: Condition, put: Callable[[Source], Source]) -> Condition:
    """Return a condition with `put(operand)` for each operand."""
    match condition:
        case Compare(operator, left, right):
            return Compare(operator, put(left), put(right))
        case OneOf(source, values):
            return OneOf(put(source), values)
        case IsNone(source):
            return IsNone(put(source))
        case All(items):
            return All(tuple(replaced(item, put) for item in items))
        case AnyOf(items):
            return AnyOf(tuple(replaced(item, put) for item in items))
        case Not(item):
            return Not(replaced(item, put))


def said(condition: Condition) -> str:
    """Return a condition as somebody would write it, cut where it is long."""
    text = _said(condition)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _said(condition: Condition) -> str:
    match condition:
        case Compare(operator, left, right):
            return f"{said_of(left)} {operator} {said_of(right)}"
        case OneOf(source, values):
            return f"{said_of(source)} in {', '.join(bytes(one).decode() for one in values)}"
        case IsNone(source):
            return f"{said_of(source)} is none"
        case All(items):
            return " & ".join(map(_inner, items))
        case AnyOf(items):
            return " | ".join(map(_inner, items))
        case Not(Compare(operator, left, right)):
            return f"{said_of(left)} {_OPPOSITES[operator]} {said_of(right)}"
        case Not(OneOf(source, (only,))):
            return f"{said_of(source)} != {bytes(only).decode()}"
        case Not(OneOf(source, values)):
            return f"{said_of(source)} not in {', '.join(bytes(one).decode() for one in values)}"
        case Not(IsNone(source)):
            return f"{said_of(source)} is not none"
        case Not(item):
            return f"not {_inner(item)}"


def _inner(condition: Condition) -> str:
    return f"({_said(condition)})" if isinstance(condition, (All, AnyOf)) else _said(condition)


def said_of(source: Source) -> str:
    """Return a source as somebody would write it."""
    match source:
        case Constant(raw):
            return json.dumps(json.loads(bytes(raw)), ensure_ascii=False)
        case Input(name, path):
            return f"{'inputs' if name is None else name}{spelled(path)}"
        case Output(node, path):
            return f"{node}{spelled(path)}"
        case Items(items):
            return f"[{', '.join(map(said_of, items))}]"
        case Fields(pairs):
            return f"{{{', '.join(f'{key}: {said_of(item)}' for key, item in pairs)}}}"
        case First(items):
            return f"coalesce({listing([said_of(item) for item in items])})"
