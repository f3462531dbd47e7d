"""Expressions over JSON that a plan is made of: sources, which give a value, and conditions, which hold or do not.

Every argument of every node is a *source*, which the worker evaluates on raw bytes:

    Constant(raw)            a JSON value known when the plan was made
    Input(name, path)        an input of the workflow (name None: all inputs as one object)
    Output(node, path)       the output of another node, or a part of it
    Items(items)             a JSON array of sources
    Fields(items)            a JSON object of sources
    First(items)             the first of several sources that is there

`path` walks into JSON objects by key and into arrays by index. How a source is evaluated stands in `sources`, how a
condition is in `conditions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

Path = tuple[str | int, ...]


class Constant(msgspec.Struct, frozen=True, tag="c", array_like=True):
    """A JSON value fixed in the plan."""

    raw: msgspec.Raw


class Input(msgspec.Struct, frozen=True, tag="i", array_like=True):
    """An input of the workflow, or a part of it; `name` None stands for the whole object."""

    name: str | None
    path: Path = ()


class Output(msgspec.Struct, frozen=True, tag="o", array_like=True):
    """What another node of the same execution returned, or a part of it."""

    node: str
    path: Path = ()


class Items(msgspec.Struct, frozen=True, tag="l", array_like=True):
    """A JSON array made of sources."""

    items: tuple[Constant | Input | Output | Items | Fields | First, ...]


class Fields(msgspec.Struct, frozen=True, tag="d", array_like=True):
    """A JSON object made of sources."""

    items: tuple[tuple[str, Constant | Input | Output | Items | Fields | First], ...]


class First(msgspec.Struct, frozen=True, tag="f", array_like=True):
    """The first of several sources that is there: what was skipped is not, `null` is."""

    items: tuple[Constant | Input | Output | Items | Fields | First, ...]


Source = Constant | Input | Output | Items | Fields | First


class Compare(msgspec.Struct, frozen=True, tag="cmp", array_like=True):
    """Two values compared as JSON. Ordering is for two numbers or two texts only."""

    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    left: Source
    right: Source


class OneOf(msgspec.Struct, frozen=True, tag="in", array_like=True):
    """Whether a value is equal to one of some constants."""

    source: Source
    values: tuple[msgspec.Raw, ...]


class IsNone(msgspec.Struct, frozen=True, tag="none", array_like=True):
    """Whether a value is `null`."""

    source: Source


class All(msgspec.Struct, frozen=True, tag="and", array_like=True):
    """Whether all conditions hold."""

    items: tuple[Compare | OneOf | IsNone | All | AnyOf | Not, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="or", array_like=True):
    """Whether one of some conditions holds."""

    items: tuple[Compare | OneOf | IsNone | All | AnyOf | Not, ...]


class Not(msgspec.Struct, frozen=True, tag="not", array_like=True):
    """Whether a condition does not hold."""

    item: Compare | OneOf | IsNone | All | AnyOf | Not


Condition = Compare | OneOf | IsNone | All | AnyOf | Not


def leaves(source: Source) -> Iterator[Constant | Input | Output]:
    """Yield the sources at the tips of `source`, left to right, however deep it nests."""
    pending: list[Source] = [source]
    while pending:
        item = pending.pop()
        if isinstance(item, Items | First):
            pending.extend(reversed(item.items))
        elif isinstance(item, Fields):
            pending.extend(part for _, part in reversed(item.items))
        else:
            yield item
