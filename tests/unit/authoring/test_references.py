"""References taken apart: which parts there are, by which JSON keys."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar

import pydantic
import pydantic.alias_generators
import pytest
from typing_extensions import TypedDict

from spane import ReferenceMisuse, node, workflow
from spane.authoring.references import point
from spane.model.expressions import Input, Output
from spane.model.node_type import MISSING

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Item:
    name: str
    price: float = 0.0


class Position(NamedTuple):
    x: int
    item: Item


class Address(TypedDict):
    street: str
    items: list[Item]


class Order(pydantic.BaseModel):
    id: int
    items: list[Item]
    position: Position
    address: Address | None = None
    total_price: float = pydantic.Field(0.0, alias="totalPrice")
    tax: float = pydantic.Field(0.0, validation_alias="taxIn", serialization_alias="taxOut")
    secret: str = pydantic.Field("", exclude=True)
    by_name: dict[str, Item] = {}

    @property
    def first(self) -> Item:
        return self.items[0]

    @pydantic.computed_field
    @property
    def count(self) -> int:
        return len(self.items)

    def total(self) -> float:
        return 0


class Camel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=pydantic.alias_generators.to_camel, populate_by_name=True)
    first_name: str


class Tags(pydantic.RootModel[list[str]]): ...


@dataclass
class Box(Generic[T]):
    content: T


Ein = Annotated[int, pydantic.Field(alias="ein")]


@dataclass
class Aliased:
    one: Ein


@dataclass
class Hidden:
    seen: int
    held: int = field(default=0, repr=False)


class Shape:
    side: int


OrderId = NewType("OrderId", int)


def taken(annotation, take):
    """Return path and annotation of what `take` takes out of a node's result."""
    found = []

    def make(): ...

    make.__annotations__ = {"return": annotation}
    made = node(make)

    @workflow
    def flow():
        found.append(take(made()))

    _ = flow.draft
    part = point(found[0])
    assert isinstance(part.source, Output)
    return part.source.path, part.annotation


def refused(annotation, take):
    with pytest.raises(ReferenceMisuse) as caught:
        taken(annotation, take)
    return caught.value.faults[0].message


@pytest.mark.parametrize(
    ("annotation", "take", "path", "expected"),
    [
        (Order, lambda o: o.id, ("id",), int),
        (Order, lambda o: o.items[0].price, ("items", 0, "price"), float),
        (Order, lambda o: o.total_price, ("totalPrice",), float),
        (Order, lambda o: o.tax, ("taxOut",), float),
        (Order, lambda o: o.position.item.name, ("position", 1, "name"), str),
        (Order, lambda o: o.position[1], ("position", 1), Item),
        (Order, lambda o: o.by_name["a"].name, ("by_name", "a", "name"), str),
        (Order | None, lambda o: o.id, ("id",), int),
        (Order, lambda o: o.address["street"], ("address", "street"), str),
        (Order, lambda o: o.address["items"][3].name, ("address", "items", 3, "name"), str),
        (Camel, lambda o: o.first_name, ("firstName",), str),
        (Tags, lambda o: o.root[0], (0,), str),
        (Box[Item], lambda o: o.content.name, ("content", "name"), str),
        (Aliased, lambda o: o.one, ("ein",), Ein),
        (Hidden, lambda o: o.held, ("held",), int),
        (Annotated[Item, "note"], lambda o: o.name, ("name",), str),
        (Item | Box[int], lambda o: [o][0], (), Item | Box[int]),
        (dict[int, str], lambda o: o[7], ("7",), str),
        (Mapping[str, list[int]], lambda o: o["a"][1], ("a", 1), int),
        (dict[Colour, int], lambda o: o[Colour.RED], ("red",), int),
        (list[int], lambda o: o[2], (2,), int),
        (Sequence[Item], lambda o: o[0].name, (0, "name"), str),
        (tuple[int, str], lambda o: o[-1], (1,), str),
        (tuple[int, ...], lambda o: o[5], (5,), int),
        (Any, lambda o: o.any["thing"][0], ("any", "thing", 0), Any),
        (dict, lambda o: o["a"].b, ("a", "b"), Any),
        (MISSING, lambda o: o.any, ("any",), Any),
    ],
)
def test_parts_have_their_path_and_annotation(annotation, take, path, expected):
    assert (path, expected) == taken(annotation, take)


def test_a_part_of_every_member_of_a_union_is_a_part_of_the_union():
    assert (("name",), str) == taken(Item | Pair, lambda o: o.name)
    assert (("side",), int | float) == taken(Square | Wide, lambda o: o.side)
    assert "Item has no field 'id'" in refused(Order | Item, lambda o: o.id)
    assert "it stands under different keys in Order and Plain" in refused(Order | Plain, lambda o: o.total_price)


class Pair(pydantic.BaseModel):
    name: str


@dataclass
class Square:
    side: int


@dataclass
class Wide:
    side: float


@dataclass
class Plain:
    total_price: float


@pytest.mark.parametrize(
    ("annotation", "take", "said"),
    [
        (Order, lambda o: o.totl, "has no .totl. Order has no field 'totl'. "),
        (Order, lambda o: o.itms, "Did you mean 'items'?"),
        (Item, lambda o: o.weight, "Item has no field 'weight'. The fields are name, price."),
        (Order, lambda o: o.first, "'first' is a property of Order, which only a finished value can compute."),
        (Order, lambda o: o.count, "'count' is a property of Order"),
        (Order, lambda o: o.total(), "'total' is a method of Order, which only a finished value has."),
        (Order, lambda o: o.secret, "Order has no field 'secret'."),
        (Order, lambda o: o["id"], "Order has fields, not items"),
        (Item, lambda o: o[0], "Item has fields, not items"),
        (Address, lambda o: o.street, "Address is a dict, whose parts are items; write ['street']."),
        (Address, lambda o: o["stret"], "Address has no item 'stret'. Did you mean 'street'?"),
        (dict[str, int], lambda o: o.a, "dict[str, int] is a dict, whose parts are items; write ['a']."),
        (list[int], lambda o: o.append, "list[int] has no fields that JSON carries; take it apart inside a node."),
        (list[int], lambda o: o["a"], "list[int] is indexed by whole numbers, not by 'a'."),
        (list[int], lambda o: o[-1], "the length is not known yet, so nothing can be counted from the end (-1)"),
        (list[int], lambda o: o[1:2], "a list that is not there yet cannot be sliced; slice it inside a node."),
        (list[int], lambda o: o[None], "None cannot be an index; give a text or a whole number."),
        (list[int], lambda o: o[True], "True cannot be an index"),
        (set[int], lambda o: o[0], "set[int] has no items."),
        (tuple[int, str], lambda o: o[2], "tuple[int, str] has 2 items, so there is no item 2."),
        (Position, lambda o: o.z, "Position has no field 'z'. The fields are x, item."),
        (str, lambda o: o[0], "str has no items."),
        (str, lambda o: o.upper, "str has no fields that JSON carries"),
        (int, lambda o: o.real, "int has no fields that JSON carries"),
        (OrderId, lambda o: o.value, "int has no fields that JSON carries"),
        (Colour, lambda o: o.value, "Colour has no fields that JSON carries"),
        (Literal["a"], lambda o: o.a, "Literal['a'] has no fields that JSON carries"),
        (Shape, lambda o: o.side, "Shape has no fields that JSON carries"),
        (None, lambda o: o.id, "None has no parts."),
    ],
)
def test_what_is_not_there_says_what_is(annotation, take, said):
    assert said in refused(annotation, take)


def test_a_missing_attribute_is_told_at_its_line(marked):
    @node
    def load() -> Item: ...

    @workflow
    def flow():
        return load().pric  # here

    with pytest.raises(ReferenceMisuse) as caught:
        _ = flow.draft
    assert marked(test_a_missing_attribute_is_told_at_its_line) == caught.value.faults[0].where
    assert str(caught.value).endswith(
        "<reference to node 'load': Item> has no .pric. Item has no field 'pric'. Did you mean 'price'?"
    )


def test_inputs_are_references_too():
    @node
    def pack(name: str) -> str: ...

    @workflow
    def flow(item: Item):
        return pack(item.name)

    assert Input("item", ("name",)) == flow.draft.calls[0].arguments["name"]


def test_tuples_of_fixed_length_and_named_tuples_unpack():
    @node
    def pair() -> tuple[int, str]: ...

    @node
    def place() -> Position: ...

    @node
    def join(*parts: Any) -> int: ...

    @workflow
    def flow():
        number, text = pair()
        x, item = place()
        return join(number, text, x, item.name, *pair.named("more")())

    assert [
        Output("pair", (0,)),
        Output("pair", (1,)),
        Output("place", (0,)),
        Output("place", (1, "name")),
        Output("more", (0,)),
        Output("more", (1,)),
    ] == flow.draft.calls[-1].args


def test_repr_shows_what_it_points_at_and_hash_is_identity():
    shown, kept = [], {}

    @node
    def load(n: int) -> Order: ...

    @node
    def guess(): ...

    @workflow
    def flow(n: int):
        order = load(n)
        shown.extend(map(repr, (order, order.items[0].name, n, guess())))
        kept[order] = order.items
        kept[order.items] = 1
        assert kept[order] is not None

    _ = flow.draft
    assert [
        "<reference to node 'load': Order>",
        "<reference to .items[0].name of node 'load': str>",
        "<reference to input 'n': int>",
        "<reference to node 'guess'>",
    ] == shown
    assert 2 == len(kept)


def test_tools_that_look_for_private_names_hear_no():
    @node
    def load() -> Item: ...

    @workflow
    def flow():
        order = load()
        assert not hasattr(order, "_repr_html_")
        assert not hasattr(order, "__fspath__")
        return order

    assert [] == flow.draft.faults
