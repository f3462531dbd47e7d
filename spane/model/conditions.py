"""Evaluate conditions on raw JSON values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from spane.errors import ValueMismatch
from spane.model.expressions import All, AnyOf, Compare, Condition, Constant, Input, IsNone, Not, OneOf, Output, leaves
from spane.model.paths import shorten
from spane.model.sources import compile_source

#: Takes the outputs by node id and the inputs object, both raw; tells whether the condition holds.
Test = Callable[[Mapping[str, bytes], bytes | None], bool]

_decode = msgspec.json.Decoder().decode


def tips(condition: Condition) -> Iterator[Constant | Input | Output]:
    """Yield the sources at the tips of a condition, left to right."""
    match condition:
        case Compare(_, left, right):
            yield from leaves(left)
            yield from leaves(right)
        case OneOf(source, _) | IsNone(source):
            yield from leaves(source)
        case All(items) | AnyOf(items):
            for item in items:
                yield from tips(item)
        case Not(item):
            yield from tips(item)


def compile_condition(condition: Condition, *, node: str = "") -> Test:
    """Return a function that evaluates a condition; `node` says in its errors who asked.

    It raises `ValueMismatch` where a value is not there, or two values have no order.
    """
    match condition:
        case Compare(operator, left, right):
            first, second, compare = _value(left, node), _value(right, node), _COMPARISONS[operator]
            return lambda outputs, inputs: compare(first(outputs, inputs), second(outputs, inputs), operator, node)
        case OneOf(source, values):
            value, wanted = _value(source, node), [_decode(bytes(one)) for one in values]
            return lambda outputs, inputs: any(_same(value(outputs, inputs), one) for one in wanted)
        case IsNone(source):
            value = _value(source, node)
            return lambda outputs, inputs: value(outputs, inputs) is None
        case All(items):
            tests = [compile_condition(item, node=node) for item in items]
            return lambda outputs, inputs: all(test(outputs, inputs) for test in tests)
        case AnyOf(items):
            tests = [compile_condition(item, node=node) for item in items]
            return lambda outputs, inputs: any(test(outputs, inputs) for test in tests)
        case Not(item):
            test = compile_condition(item, node=node)
            return lambda outputs, inputs: not test(outputs, inputs)
    raise TypeError(f"Not a condition: {condition!r}")


def _value(source: Any, node: str) -> Callable[[Mapping[str, bytes], bytes | None], Any]:
    evaluate = compile_source(source, node=node)

    def read(outputs: Mapping[str, bytes], inputs: bytes | None) -> Any:
        raw = evaluate(outputs, inputs)
        if raw is None:
            raise ValueMismatch(
                f"The condition that node {node!r} decides on compares a value that is not there. Compare one that "
                "always is, or give it a default.",
                node=node,
            )
        return _decode(raw)

    return read


def _same(left: Any, right: Any) -> bool:
    """Compare as JSON does: `true` is not 1, in lists and objects neither."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ordered(left: Any, right: Any, operator: str, node: str) -> bool:
    if not (_is_number(left) and _is_number(right)) and not (isinstance(left, str) and isinstance(right, str)):
        raise ValueMismatch(
            f"The condition that node {node!r} decides on is {shorten(left)} {operator} {shorten(right)}, but only two "
            "numbers or two texts have an order. Return a value of one kind, or compare with == or is_none().",
            node=node,
        )
    return bool(_ORDERS[operator](left, right))


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_COMPARISONS: dict[str, Callable[[Any, Any, str, str], bool]] = {
    "==": lambda left, right, _operator, _node: _same(left, right),
    "!=": lambda left, right, _operator, _node: not _same(left, right),
    **dict.fromkeys(_ORDERS, _ordered),
}
