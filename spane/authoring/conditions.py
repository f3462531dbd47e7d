"""Conditions: what comparing references gives, for `when` to branch on at run time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

import msgspec

from spane.authoring import locations
from spane.authoring.references import Reference, point
from spane.authoring.sources import Unbindable, source_of
from spane.errors import DefinitionError, Fault, ReferenceMisuse
from spane.graph import domains
from spane.graph.annotations import render
from spane.graph.conditions import said
from spane.graph.spelling import hint
from spane.model.articles import with_article
from spane.model.expressions import All, AnyOf, Compare, Constant, IsNone, Not, OneOf, Source
from spane.model.expressions import Condition as Test
from spane.model.node_type import MISSING

if TYPE_CHECKING:
    from spane.authoring.tracing import Trace

Operator = Literal["==", "!=", "<", "<=", ">", ">="]

_TRUE = Constant(msgspec.Raw(b"true"))


class Condition:
    """What will be known about values that are not there yet. `when` takes it; `&`, `|` and `not_` combine it."""

    __slots__ = ("test", "trace")

    def __init__(self, trace: Trace, test: Test) -> None:
        self.trace = trace
        self.test = test

    def __repr__(self) -> str:
        return f"<condition {said(self.test)}>"

    def __bool__(self) -> bool:  # noqa: PLE0304 - it never returns
        refuse(
            self.trace,
            f"{self!r} is neither true nor false yet: `if`, `and`, `or`, `not`, `in` and chained comparisons need a finished "
            "value. Write `with when(...):`, join conditions with & and |, each in parentheses, and negate with not_().",
        )

    def __and__(self, other: Any) -> Condition:
        return joined(self.trace, self, "&", other)

    def __or__(self, other: Any) -> Condition:
        return joined(self.trace, self, "|", other)

    def __invert__(self) -> Condition:
        refuse(self.trace, f"~ does not negate {self!r}. Write not_(...).")


def refuse(trace: Trace | None, message: str) -> NoReturn:
    """Raise ReferenceMisuse at the user's own line."""
    fault = Fault("not-a-condition", message, str(locations.caller()))
    raise ReferenceMisuse("A condition" if trace is None else f"Workflow {trace.draft.workflow!r}", [fault])


def not_(condition: bool, /) -> bool:
    """Tell that a condition does not hold: `with when(not_(is_none(order.coupon))):`."""
    found = condition_of(condition, "not_")
    return cast("bool", Condition(found.trace, Not(found.test)))


def is_none(value: object, /) -> bool:
    """Tell that a value is None. A value that was skipped is not None: it is not there."""
    trace, source = _looked_at(value, "is_none")
    kinds = domains.kinds(point(cast("Reference", value)).annotation)
    if kinds is not None and "null" not in kinds:
        message = (
            f"{value!r} is never None. What was skipped, or failed and was gone on from, is not None but missing: ask "
            "is_none(coalesce(..., default=None)) for that."
        )
        trace.fault("impossible-value", message)
    return cast("bool", Condition(trace, IsNone(source)))


def one_of(value: object, /, *values: object) -> bool:
    """Tell that a value is equal to one of some values known now: `one_of(order.country, "AT", "DE")`."""
    trace, source = _looked_at(value, "one_of")
    if len(values) == 1 and isinstance(values[0], (list, tuple, set, frozenset)):
        refuse(trace, "one_of takes the values one by one. Unpack them: one_of(value, *values).")
    if not values:
        refuse(trace, "one_of is given no values to compare with. Name them: one_of(value, 'a', 'b').")
    return cast("bool", Condition(trace, OneOf(source, tuple(constant(trace, value, one).raw for one in values))))


def condition_of(value: Any, what: str) -> Condition:
    """Return the condition that somebody gave to `what`: one made of references, or a reference to a bool."""
    if isinstance(value, Condition):
        value.trace.require_active(value, what)
        return value
    if isinstance(value, Reference):
        at = point(value)
        at.trace.require_active(value, what)
        if domains.kinds(at.annotation) == frozenset({"boolean"}):
            return Condition(at.trace, Compare("==", at.source, _TRUE))
        refuse(
            at.trace,
            f"{what} takes a condition, and {value!r} is not annotated bool. Compare it with something, as in `== ...`, or ask "
            "is_none().",
        )
    refuse(
        None,
        f"{what} takes a condition made of references, and got {value!r}. What is known while the body is traced needs no "
        "branch at run time: write a plain `if`.",
    )


def joined(trace: Trace, left: Any, operator: str, right: Any) -> Condition:
    """Return the condition that both hold, or that one of them does."""
    if not isinstance(right, (Condition, Reference)):
        refuse(
            trace,
            f"{operator} joins conditions, and {right!r} is none. Put each comparison in parentheses: `(a > 1) {operator} "
            "(b == 2)`.",
        )
    kind = All if operator == "&" else AnyOf
    items: list[Test] = []
    for one in (left, right):
        test = condition_of(one, operator).test
        items += test.items if isinstance(test, kind) else (test,)
    return Condition(trace, kind(tuple(items)))


def compared(trace: Trace, left: Reference, operator: str, right: Any) -> Condition:
    """Return the condition that a comparison with a reference on its left is."""
    if isinstance(right, Condition):
        refuse(trace, f"{left!r} is compared with {right!r}. Join conditions with & and |, each in parentheses.")
    for side in (left, right):
        if isinstance(side, Reference):
            _require_comparable(trace, side, operator)
    known = not isinstance(right, Reference)
    source = _source(trace, right)
    if known and isinstance(source, Constant):
        if operator in ("==", "!="):
            require_possible(trace, left, source)
        else:
            _require_order(trace, left, operator, source)
    return Condition(trace, Compare(cast("Operator", operator), point(left).source, source))


def constant(trace: Trace, reference: Any, value: object) -> Constant:
    """Return a value known now that `reference` may be equal to."""
    source = _source(trace, value)
    if not isinstance(source, Constant):
        refuse(trace, f"{value!r} is not known yet. Compare with == instead.")
    if isinstance(reference, Reference):
        require_possible(trace, reference, source)
    return source


def require_possible(trace: Trace, reference: Reference, to: Constant) -> None:
    """Write down a fault if `reference` can never be equal to a constant, as far as its annotation tells."""
    annotation, value = point(reference).annotation, json.loads(bytes(to.raw))
    every, kinds = domains.values(annotation), domains.kinds(annotation)
    if every is not None and domains.key(value) not in set(map(domains.key, every)):
        texts = [str(one) for one in every]
        message = f"{reference!r} can never be {value!r}. {hint(str(value), texts, 'values')}"
        trace.fault("impossible-value", message)
    elif every is None and kinds is not None and domains.kind(value) not in kinds:
        message = (
            f"{reference!r} can never be equal to {value!r}: in JSON that is "
            f"{with_article(domains.kind(value))}, and {render(annotation)} is "
            f"{' or '.join(map(with_article, sorted(kinds)))}. Compare with a value of its own type."
        )
        trace.fault("impossible-value", message)


def _require_comparable(trace: Trace, reference: Reference, operator: str) -> None:
    annotation = point(reference).annotation
    name = None if annotation is MISSING else domains.spelled_in_ways(annotation)
    if name is not None:
        refuse(
            trace,
            f"{reference!r} cannot be compared with `{operator}`: a {name} is text in JSON, which does not compare as its "
            "values do. Compare inside a node that returns a bool, and branch on that.",
        )
    if operator not in ("==", "!="):
        kinds = None if annotation is MISSING else domains.kinds(annotation)
        if kinds is not None and not kinds & {"number", "text"}:
            refuse(trace, f"{reference!r} cannot be compared with `{operator}`: only numbers and texts have an order.")


def _require_order(trace: Trace, reference: Reference, operator: str, to: Constant) -> None:
    value = json.loads(bytes(to.raw))
    kinds = domains.kinds(point(reference).annotation)
    if domains.kind(value) not in ("number", "text"):
        refuse(
            trace,
            f"{reference!r} cannot be compared with `{operator} {value!r}`: only numbers and texts have an order.",
        )
    if kinds is not None and domains.kind(value) not in kinds:
        refuse(
            trace,
            f"{reference!r} cannot be compared with `{operator} {value!r}`: only two numbers or two texts have an order.",
        )


def _looked_at(value: object, what: str) -> tuple[Trace, Source]:
    if not isinstance(value, Reference):
        refuse(None, f"{what} takes a reference, and got {value!r}. What is known already needs no branch at run time.")
    at = point(value)
    at.trace.require_active(value, what)
    return at.trace, at.source


def _source(trace: Trace, value: object) -> Source:
    try:
        return source_of(value, trace)
    except Unbindable as error:
        message = f"in a condition: {error}"
        raise DefinitionError(
            f"Workflow {trace.draft.workflow!r}", [Fault(error.code, message, str(locations.caller()))]
        ) from error
