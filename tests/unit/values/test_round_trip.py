"""Whatever is dumped is read back equal."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, Generic, NamedTuple, NotRequired, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from spane.model.codec import Reader, dump, writer

T = TypeVar("T")


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Unit(Enum):
    METRE = "m"
    PIECE = 1


class Place(NamedTuple):
    x: float
    tag: bytes


@dataclasses.dataclass
class Leaf:
    body: bytes
    at: dt.datetime


@dataclasses.dataclass
class Tree:
    leaves: list[Leaf]
    places: dict[str, Place]


@pydantic_dataclass
class Checked:
    text: bytes
    count: int


class Record(TypedDict):
    key: bytes
    more: NotRequired[Leaf]


class Money(BaseModel):
    amount: Decimal = Field(alias="Amount")
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    seal: bytes = b""


class Page(BaseModel, Generic[T]):
    items: list[T]
    by_id: dict[int, T]
    next: Page[T] | None = None


text = st.text(st.characters(exclude_categories=["Cs"]))
number = st.floats(allow_nan=False, allow_infinity=False)
decimal = st.decimals(allow_nan=False, allow_infinity=False)
moment = st.datetimes(timezones=st.none() | st.just(dt.UTC) | st.just(dt.timezone(dt.timedelta(hours=-3, minutes=-30))))
leaf = st.builds(Leaf, st.binary(), moment)
place = st.builds(Place, number, st.binary())
money = st.builds(Money, Amount=decimal, seal=st.binary())
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | number | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)

KINDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Any, plain),
    (int, st.integers(-(2**200), 2**200)),
    (float, number),
    (str, text),
    (bytes, st.binary()),
    (bool, st.booleans()),
    (None, st.none()),
    (Decimal, decimal),
    (UUID, st.uuids()),
    (dt.datetime, moment),
    (dt.date, st.dates()),
    (dt.time, st.times()),
    (dt.timedelta, st.timedeltas()),
    (Mood, st.sampled_from(Mood)),
    (Level, st.sampled_from(Level)),
    (Unit, st.sampled_from(Unit)),
    (Place, place),
    (tuple[int, bytes], st.tuples(st.integers(), st.binary())),
    (tuple[dt.timedelta, ...], st.lists(st.timedeltas(), max_size=3).map(tuple)),
    (set[int], st.sets(st.integers())),
    (frozenset[bytes], st.frozensets(st.binary())),
    (set[tuple[str, int]], st.sets(st.tuples(text, st.integers()))),
    (dict[str, list[bytes]], st.dictionaries(text, st.lists(st.binary(), max_size=3), max_size=3)),
    (Leaf, leaf),
    (Tree, st.builds(Tree, st.lists(leaf, max_size=3), st.dictionaries(text, place, max_size=3))),
    (Checked, st.builds(Checked, text.map(str.encode), st.integers(-(2**60), 2**60))),
    (Record, st.fixed_dictionaries({"key": st.binary()}, optional={"more": leaf})),
    (Money, money),
    (list[Money], st.lists(money, max_size=3)),
    (dict[str, Record], st.dictionaries(text, st.fixed_dictionaries({"key": st.binary()}), max_size=3)),
    (int | Money | None, st.none() | st.integers() | money),
    (bytes | None, st.none() | st.binary()),
]
IDS = [str(annotation) for annotation, _ in KINDS]


@pytest.mark.parametrize(("annotation", "values"), KINDS, ids=IDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_value_comes_back_equal_and_of_its_type(annotation, values, data):
    value = data.draw(values)
    back = Reader(annotation).read(writer(annotation)(value))
    assert back == value
    assert type(back) is type(value)


@settings(max_examples=60, deadline=None)
@given(
    value=st.builds(
        Page[Money], items=st.lists(money, max_size=3), by_id=st.dictionaries(st.integers(), money, max_size=2)
    )
)
def test_generic_and_recursive_models_come_back_equal(value):
    outer = Page[Money](items=[], by_id={}, next=value)
    assert Reader(Page[Money]).read(dump(outer)) == outer


@settings(max_examples=100, deadline=None)
@given(value=decimal)
def test_decimals_keep_every_digit_and_their_exponent(value):
    assert Reader(Decimal).read(dump(value)).as_tuple() == value.as_tuple()


@settings(max_examples=100, deadline=None)
@given(value=plain)
def test_dumping_plain_json_twice_gives_the_same_bytes(value):
    raw = dump(value)
    assert dump(Reader(Any).read(raw)) == raw
