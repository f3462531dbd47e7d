"""From what users pass to what plans hold: references, lists and dicts of them, and constants become sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from spane.authoring.references import Reference, point
from spane.errors import ResultNotSerialisable
from spane.model import freezing
from spane.model.articles import with_article
from spane.model.expressions import Constant, Fields, Items, Source
from spane.model.lossless import UNAWAITED
from spane.model.paths import shorten, spell

if TYPE_CHECKING:
    from spane.authoring.tracing import Trace

#: Values nested deeper than this are a mistake, most likely a list that contains itself.
DEEPEST = 100


class Written:
    """What users write to be called in bodies: nodes and workflows. Passing one without calling it is a fault."""

    noun: ClassVar[str]
    __name__: str


def listed(after: Any) -> tuple[Any, ...]:
    """Return what `after` names, one or several, as a tuple."""
    if isinstance(after, (Reference, Written)) or not isinstance(after, (list, tuple)):
        return (after,)
    return tuple(after)


class Unbindable(Exception):
    """A value cannot be bound; `code` and the message say why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def source_of(value: Any, trace: Trace) -> Source:
    """Return the source that a value is in a body; Unbindable if it is none."""
    return _source(value, trace, DEEPEST)


def _source(value: Any, trace: Trace, depth: int) -> Source:
    if isinstance(value, Reference):
        return own(value, trace)
    if not any(True for _ in _references(value, depth)):
        return _constant(value)
    if isinstance(value, (list, tuple)):
        return Items(tuple(_source(item, trace, depth - 1) for item in value))
    if isinstance(value, dict):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            raise Unbindable(
                "bad-key", f"a dict with references has the key {wrong!r}; JSON objects have text as keys, so use text."
            )
        return Fields(tuple((key, _source(item, trace, depth - 1)) for key, item in value.items()))
    raise Unbindable(
        "hidden-reference",
        f"{next(_references(value, depth))!r} sits inside {with_article(type(value).__name__)}. References may sit in lists, tuples and "
        f"dicts only: build the {type(value).__name__} inside a node, or pass its parts as arguments.",
    )


def own(reference: Reference, trace: Trace) -> Source:
    """Return what a reference of this trace points at; Unbindable if it is of another one."""
    at = point(reference)
    if at.trace is not trace:
        raise Unbindable(
            "foreign-reference",
            f"{reference!r} belongs to the body of workflow {at.trace.draft.workflow!r}, traced on its own. Bodies share "
            "no values; pass what this workflow needs as an input.",
        )
    return at.source


def _constant(value: Any) -> Constant:
    try:
        return Constant(msgspec.Raw(freezing.freeze(value)))
    except ResultNotSerialisable as error:
        if error.reason.endswith(UNAWAITED):
            what, _, _ = error.reason.rpartition(", ")
            raise Unbindable(
                "coroutine",
                f"{spell('it', error.path)} {what}, and a body only calls nodes. Decorate that function with @node; "
                "its call in the body is its value then, without `await`.",
            ) from error
        raise Unbindable(
            "bad-constant",
            f"the constant {shorten(value)} cannot be written as JSON: {spell('it', error.path)} {error.reason}. Constants "
            "become part of the plan; make the value inside a node, or inject it with use(...).",
        ) from error


def _references(value: Any, depth: int) -> Iterator[Reference]:
    """Yield the references anywhere inside a value; Unbindable for nodes and workflows that were not called."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Written):
        raise Unbindable(
            "uncalled",
            f"{value.noun} {value.__name__!r} is passed itself, not its result. Call it: {value.__name__}(...).",
        )
    elif depth == 0:
        raise Unbindable("too-deep", f"a value is nested more than {DEEPEST} deep, or contains itself. Flatten it.")
    else:
        for inner in _inside(value):
            yield from _references(inner, depth - 1)


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, type):
        return ()
    if dataclasses.is_dataclass(value) or hasattr(value, "__pydantic_fields__"):
        return list(getattr(value, "__dict__", {}).values()) or [
            getattr(value, field.name, None) for field in dataclasses.fields(value)
        ]
    return ()
