"""Which annotations provably cannot feed which, and, as important, which may."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import typing
import uuid
from collections import abc
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, TypeVar

import pytest
from annotated_types import Gt
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypeAliasType

from spane.graph.fitting import provably_incompatible
from spane.model import codec
from spane.model.node_type import MISSING

UserId = NewType("UserId", int)
T = TypeVar("T")
Bound = TypeVar("Bound", bound=int)
Tree = TypeAliasType("Tree", "dict[str, Tree] | int")
Numbers = TypeAliasType("Numbers", list[int] | int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    S = 1
    L = 2


class Lenient(enum.Enum):
    ANY = "any"

    @classmethod
    def _missing_(cls, value):
        return cls.ANY


class Animal(BaseModel):
    name: str


class Dog(Animal):
    tricks: list[str] = []


class Puppy(Dog):
    weeks: int


class Cat(Animal):
    lives: int


class Pet(BaseModel):
    pass


class Parrot(Pet):
    words: list[str]


class Named(BaseModel):
    name: str


class Numbered(BaseModel):
    number: int


class NumberedName(BaseModel):
    name: int


class Relaxed(BaseModel):
    number: int = 1


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Aliased(BaseModel):
    name: str = Field(alias="full_name")


class TakesFullName(BaseModel):
    full_name: str


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(alias="full_name")


class Chosen(BaseModel):
    name: str = Field(validation_alias=AliasChoices("a", "b"))


class Repairs(BaseModel):
    number: int

    @model_validator(mode="before")
    @classmethod
    def repair(cls, value):
        return {"number": 1}


class RepairsField(BaseModel):
    name: int

    @field_validator("name", mode="before")
    @classmethod
    def repair(cls, value):
        return 1


class DumpsItself(BaseModel):
    name: str

    @model_serializer
    def dump(self) -> int:
        return 1


class Coerces(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    number: str


class Recursive(BaseModel):
    value: int
    children: list[Recursive] = []


class RecursiveText(BaseModel):
    value: list[str]
    children: list[RecursiveText] = []


class Root(RootModel[list[int]]):
    pass


class OwnSchema(BaseModel):
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return handler(source)


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass
class Place:
    town: str


@pydantic_dataclass
class Spot:
    x: int


class Row(TypedDict):
    name: str
    number: NotRequired[int]


@dataclasses.dataclass
class Depth(Point):
    z: int = dataclasses.field(kw_only=True)


class Pair(NamedTuple):
    left: int
    right: str


class Box(BaseModel, Generic[T]):
    item: T


class Unknown:
    pass


FITS = [
    (MISSING, int),
    (int, MISSING),
    (Any, int),
    (int, Any),
    (object, int),
    (Unknown, int),
    (int, Unknown),
    ("Unresolved", int),
    (T, int),
    (Bound, int),
    # scalars, with what lax JSON takes
    (int, float),
    (float, int),
    (bool, int),
    (int, bool),
    (str, int),
    (str, float),
    (str, bool),
    (str, bytes),
    (bytes, str),
    (str, dt.datetime),
    (str, dt.date),
    (str, dt.time),
    (str, dt.timedelta),
    (str, uuid.UUID),
    (str, Decimal),
    (str, Path),
    (str, Colour),
    (str, Size),
    (int, dt.datetime),
    (float, dt.datetime),
    (int, Decimal),
    (Decimal, float),
    (Decimal, int),
    (Decimal, str),
    (dt.datetime, str),
    (dt.date, dt.datetime),
    (dt.datetime, dt.date),
    (uuid.UUID, str),
    (int, Size),
    (Colour, str),
    (Size, int),
    (Lenient, str),
    (int, Lenient),
    (complex, int),
    (None, None),
    # unions
    (int | None, int),
    (int, int | None),
    (None, int | None),
    (Optional[list[int]], Optional[dict[str, int]]),  # noqa: UP045
    (int | list[int], list[int]),
    (list[int], int | list[int]),
    (int | str, str | list[int]),
    (int, list[int] | Any),
    # literals and enums, whose values can all be tried
    (Literal["red"], Colour),
    (Colour, Literal["red"]),
    (Literal["a", "b"], Literal["b", "c"]),
    (Literal["1"], int),
    (Literal[1], float),
    (str, Literal["a"]),
    (int, Literal[1]),
    (Literal["2020-01-01"], dt.date),
    (Literal[Colour.RED], Colour),
    (bool, Literal[True]),
    # containers
    (list, list[int]),
    (list[int], list),
    (list[int], set[int]),
    (set[int], tuple[int, ...]),
    (list[int], tuple[int, int]),
    (tuple[int, str], list[int | str]),
    (tuple[int, str], tuple[int, str]),
    (list[str], list[int]),
    (list[Any], list[int]),
    (list[int], abc.Sequence[int]),
    (list[int], abc.Iterable[str]),
    (str, abc.Iterable[str]),
    (collections.deque[int], frozenset[int]),
    (tuple, list[int]),
    (dict, dict[str, int]),
    (dict[str, int], abc.Mapping[str, float]),
    (dict[int, int], dict[str, int]),
    (dict[str, int], collections.OrderedDict[str, int]),
    # records
    (Dog, Animal),
    (Dog, Named),
    (Animal, Dog),
    # values keep their real type, so a subclass may come
    (Animal, Puppy),
    (Animal, Puppy | int),
    (Animal | int, Puppy),
    (list[Animal], list[Cat]),
    (dict[str, Animal | None], dict[str, Cat]),
    (Pet, Parrot),
    (BaseModel, Animal),
    (BaseModel, list[int]),
    (Point, Depth),
    (Point | None, Depth),
    (Animal, Named),
    (Animal, dict[str, str]),
    (Animal, dict),
    (dict[str, str], Animal),
    (dict, Animal),
    (dict[str, Any], Numbered),
    (Animal, Relaxed),
    (Open, Numbered),
    (Aliased, TakesFullName),
    (Aliased, ByName),
    (Animal, ByName),
    (Animal, Chosen),
    (Animal, Repairs),
    (int, Repairs),
    (Open, RepairsField),
    (DumpsItself, int),
    (Numbered, Coerces),
    (Recursive, Recursive),
    (int, OwnSchema),
    (Root, list[int]),
    (list[int], Root),
    (Point, Point),
    (Point, dict[str, int]),
    (Point, Spot),
    (Spot, Point),
    (Row, Named),
    (Row, Animal),
    (Animal, Row),
    (Row, Numbered),
    (Pair, tuple[int, str]),
    (Pair, list[int | str]),
    (list[int], Pair),
    (dict[str, int], Pair),
    (tuple[int, str], Pair),
    (Box[int], Box[int]),
    (Box[int], Box[str | int]),
    # wrappers
    (UserId, int),
    (int, UserId),
    (Annotated[int, Gt(3)], int),
    (int, Annotated[int, Field(gt=3)]),
    (list[int], Annotated[int, BeforeValidator(len)]),
    (Annotated[list[int], PlainSerializer(len)], int),
    (int, Annotated[str, Field(coerce_numbers_to_str=True)]),
    (int, typing.Final[int]),
    (Tree, int),
    (Tree, Tree),
    (Tree, list[int]),
    (Numbers, int),
    (int, type[int]),
    (int, abc.Callable[[], int]),
]

CLASHES = [
    (int, str),
    (float, str),
    (bool, str),
    (int, list[int]),
    (int, dict[str, int]),
    (int, Animal),
    (str, list[str]),
    (list[int], int),
    (list[str], str),
    (dict[str, int], list[int]),
    (list[int], dict[str, int]),
    (None, int),
    (None, str),
    (int, None),
    (int, uuid.UUID),
    (int, bytes),
    (int, Path),
    (dt.datetime, int),
    (dt.datetime, uuid.UUID),
    (dt.date, dt.timedelta),
    (uuid.UUID, int),
    (uuid.UUID, dt.datetime),
    (dt.timedelta, dt.date),
    (Decimal, uuid.UUID),
    (int, Colour),
    (list[str], Colour),
    (Literal["green"], Colour),
    (Colour, Literal["green"]),
    (Colour, int),
    (Colour, Size),
    (Literal["a"], Literal["b"]),
    (Literal["a"], int),
    (Literal[3], Size),
    (Literal["soon"], dt.datetime),
    (bool, Literal["yes"]),
    (int | bool, str),
    (int | None, str | list[int]),
    (int, str | list[int]),
    (list[int], list[str]),
    (list[int], set[list[int]]),
    (list[list[int]], list[int]),
    (dict[str, int], dict[str, str]),
    (dict[str, int], dict[str, list[int]]),
    (tuple[int, int], tuple[int, int, int]),
    (tuple[int, int], tuple[int, str]),
    (tuple[int, str], list[str]),
    (tuple[int, ...], list[str]),
    (list[int], tuple[str, str]),
    (Animal, int),
    (Animal, str),
    (Animal, list[str]),
    (Animal, Numbered),
    (Animal, Numbered | int),
    (Puppy, Cat),
    (Dog, Cat),
    (Cat, Puppy | int),
    (Animal, Parrot),
    (Place, Depth),
    (Numbered, Animal),
    (Aliased, Animal),
    (Animal, Aliased),
    (Animal, Point),
    (Point, Place),
    (Point, dict[str, str]),
    (dict[str, list[int]], Animal),
    (Row, Point),
    (Root, int),
    (Root, dict[str, int]),
    (Root, list[str]),
    (RecursiveText, Recursive),
    (Numbered, NumberedName),
    (Box[int], Box[str]),
    (list[Animal], list[Numbered]),
    (dict[str, Animal], dict[str, Numbered]),
    (Pair, int),
    (int, Pair),
    (UserId, str),
    (Annotated[int, Gt(3)], str),
    (int, Annotated[str, Field(min_length=3)]),
    (Bound, list[int]),
    (Numbers, str),
    (Numbered, Open | int),
]


def show(pair):
    return " to ".join(str(one).replace("typing.", "") for one in pair)


@pytest.mark.parametrize(("source", "target"), FITS, ids=map(show, FITS))
def test_may_fit(source, target):
    assert not provably_incompatible(source, target)


@pytest.mark.parametrize(("source", "target"), CLASHES, ids=map(show, CLASHES))
def test_cannot_fit(source, target):
    assert provably_incompatible(source, target)


VALUES = {
    int: [0, 1, 12],
    float: [0.0, 1.0, 2.5],
    bool: [True, False],
    str: ["", "1", "true", "text", "2020-01-01", "red", "0", "12:30", "00000000-0000-0000-0000-000000000000"],
    bytes: [b"1234", b""],
    dt.datetime: [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime.fromisoformat("2020-01-01")],
    dt.date: [dt.date(2020, 1, 1)],
    dt.time: [dt.time(1, 2)],
    dt.timedelta: [dt.timedelta(0), dt.timedelta(days=1)],
    uuid.UUID: [uuid.UUID(int=0)],
    Decimal: [Decimal(1), Decimal("2.5"), Decimal(0)],
    Path: [Path("a"), Path("1")],
    Colour: list(Colour),
    Size: list(Size),
    type(None): [None],
    list[int]: [[1]],
    dict[str, int]: [{"a": 1}],
    tuple[int, str]: [(1, "a")],
    Animal: [Animal(name="a"), Dog(name="1")],
    Numbered: [Numbered(number=1)],
    Point: [Point(1)],
    Pair: [Pair(1, "a")],
}


@pytest.mark.parametrize("source", VALUES, ids=str)
@pytest.mark.parametrize("target", VALUES, ids=str)
def test_what_cannot_fit_is_refused_by_the_reader_as_well(source, target):
    """The table of scalars says no more than pydantic does: no pair is refused here of which a value would pass."""
    if not provably_incompatible(source, target):
        return
    for value in VALUES[source]:
        raw = codec.writer(source)(value)
        with pytest.raises(ValidationError):
            codec.Reader(target).read(raw)
