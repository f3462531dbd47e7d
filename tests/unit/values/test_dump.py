"""What a result becomes as JSON, and what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import threading
from collections import Counter, OrderedDict
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    PlainSerializer,
    RootModel,
    SecretStr,
    computed_field,
    field_serializer,
)

from spane.errors import ResultNotSerialisable
from spane.model.codec import dump, writer


class Animal(BaseModel):
    name: str = Field(default="Rex", alias="Name")


class Dog(Animal):
    legs: int = 4


class Owner(BaseModel):
    pet: Animal
    anything: Any = None


class Reading(BaseModel):
    at: float = 0.0
    note: str | None = None


class Blob(BaseModel):
    body: bytes


class SafeBlob(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    body: bytes


class Colour(StrEnum):
    RED = "red"


class Number(Enum):
    ONE = 1


class Point(NamedTuple):
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Box:
    content: Any
    label: bytes = b""


Angled = Annotated[int, PlainSerializer(lambda value: f"<{value}>")]


@dataclasses.dataclass
class Marked:
    mark: Angled


class Doubled(BaseModel):
    mark: Angled = 1
    size: int = 2

    @field_serializer("size")
    def _double(self, value: int) -> int:
        return value * 2


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (None, b"null"),
        (True, b"true"),
        (2**80, b"1208925819614629174706176"),
        (-(2**64), b"-18446744073709551616"),
        (1.5, b"1.5"),
        ("é\u2028", '"é\u2028"'.encode()),
        (b"\xff\x00", b'"_wA="'),
        (Decimal("1.10"), b'"1.10"'),
        (UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC), b'"2026-01-02T03:04:05.000006Z"'),
        (dt.timedelta(days=1, microseconds=1), b'"P1DT0.000001S"'),
        (Path("/a/b"), b'"/a/b"'),
        ((1, "a"), b'[1,"a"]'),
        ({1}, b"[1]"),
        (Point(1), b"[1,0.0]"),
        (Colour.RED, b'"red"'),
        (Number.ONE, b"1"),
        ({Colour.RED: 1}, b'{"red":1}'),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
        (Counter("aab"), b'{"a":2,"b":1}'),
        (Box([1], b"\xff"), b'{"content":[1],"label":"_w=="}'),
        ((n for n in (1, 2)), b"[1,2]"),
    ],
)
def test_values_become_json(value, raw):
    assert dump(value) == raw


def test_models_are_dumped_by_alias():
    assert dump(Animal()) == b'{"Name":"Rex"}'


@pytest.mark.parametrize("value", [Owner(pet=Dog()), Box(Owner(pet=Dog())), [Owner(pet=Dog())]])
def test_a_value_keeps_its_real_type_inside_a_field_of_its_parent_type(value):
    assert b'{"Name":"Rex","legs":4}' in dump(value)


def test_a_root_model_keeps_the_real_types_of_its_items():
    assert dump(RootModel[list[Animal]]([Dog()])) == b'[{"Name":"Rex","legs":4}]'


def test_serialisers_of_models_are_kept():
    assert dump([Doubled()]) == b'[{"mark":"<1>","size":4}]'


def test_computed_fields_are_left_out_and_json_fields_stay_text_so_that_a_model_reads_its_own_dump():
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        packed: Json[list[int]]

        @computed_field
        @property
        def count(self) -> int:
            return len(self.packed)

    raw = dump(Strict(packed="[1,2]"))
    assert raw == b'{"packed":"[1,2]"}'
    assert Strict.model_validate_json(raw).count == 2


# --- refusals ---------------------------------------------------------------------------------------------------


class Loop:
    def __repr__(self):
        raise RuntimeError("no repr")


def circle():
    inner: list[Any] = []
    inner.append({"again": inner})
    return {"a": inner}


REFUSED = [
    (math.nan, "result is nan"),
    (-math.inf, "result is -inf"),
    ({"a": [1.0, math.nan]}, "result.a[1] is nan"),
    (Reading(at=math.nan), "result.at is nan"),
    ([Reading(), Reading(at=math.inf)], "result[1].at is inf"),
    (Box(Reading(at=math.nan)), "result.content.at is nan"),
    (Box(math.nan), "result.content is nan"),
    (Owner(pet=Dog(), anything={"x": (1, math.nan)}), "result.anything.x[1] is nan"),
    (Point(0, math.nan), "result.y is nan"),
    ([Decimal("NaN")], "result[0] is Decimal('NaN')"),
    ((x for x in [math.nan]), "result holds a number that is not finite"),
    ({1: "a"}, "result has the key 1 (int); JSON keys are strings"),
    ({"a b": [{None: 1}]}, 'result["a b"][0] has the key None (NoneType)'.replace('"', "'")),
    ({"a": ({(1, 2): 3},)}, "result.a[0] has the key (1, 2) (tuple)"),
    (OrderedDict({True: 1}), "result has the key True (bool)"),
    ({Number.ONE: 1}, "result has the key <Number.ONE: 1> (Number)"),
    (threading.Lock(), "result is a _thread.lock, which JSON cannot carry"),
    ({"ok": 1, "bad": [0, threading.Lock()]}, "result.bad[1] is a _thread.lock"),
    (Box(Box(object())), "result.content.content is an object"),
    ({"s": {object()}}, "result.s[0] is an object"),
    (Owner(pet=Animal(), anything=[Loop()]), "result.anything[0] is a"),
    (circle(), "result.a[0].again refers back to a value that contains it"),
    (["\ud800"], "result[0] is text with a lone surrogate"),
    (Blob(body=b"\xff"), "result.body is bytes that are not UTF-8 text; set ser_json_bytes and val_json_bytes"),
    ([SecretStr("hush")], "result[0] is a SecretStr, which JSON would carry masked"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_json_would_lose_is_refused_with_its_path(value, message):
    with pytest.raises(ResultNotSerialisable) as caught:
        dump(value)
    assert f"The value cannot become JSON: {message}" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_values_nested_too_deep_are_refused():
    value: list[Any] = []
    for _ in range(2000):
        value = [value]
    with pytest.raises(ResultNotSerialisable, match="is nested more than 250 levels deep"):
        dump(value)


def test_a_failing_serialiser_is_reported_with_its_path_and_cause():
    class Broken(BaseModel):
        x: int = 1

        @field_serializer("x")
        def _fail(self, value: int) -> int:
            raise KeyError("gone")

    with pytest.raises(
        ResultNotSerialisable, match=r"result\[0\] is a .*Broken that does not serialise: .*gone"
    ) as caught:
        dump([Broken()])
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "value",
    [
        "NaN and Infinity, null",
        {"text": "**********", "none": None},
        [Reading(note="null"), "NaN"],
        Reading(),
        Owner(pet=Dog(), anything="**********"),
        SafeBlob(body=b"\xff"),
    ],
)
def test_words_that_look_like_trouble_are_no_trouble(value):
    assert dump(value)


def test_a_model_may_have_keys_that_are_not_strings_because_its_annotation_reads_them_back():
    class Table(BaseModel):
        rows: dict[int, str]
        note: str | None = None

    assert dump([Table(rows={1: "a"})]) == b'[{"rows":{"1":"a"},"note":null}]'


# --- annotations that carry serialisers --------------------------------------------------------------------------


@pytest.mark.parametrize("annotation", [int, list[Animal], Animal, Any, dict[str, Doubled], Box, Point, None])
def test_ordinary_annotations_need_no_adapter(annotation):
    assert writer(annotation) is dump


@pytest.mark.parametrize(
    ("annotation", "value", "raw"),
    [
        (Angled, 1, b'"<1>"'),
        (list[Angled], [1, 2], b'["<1>","<2>"]'),
        (Marked, Marked(1), b'{"mark":"<1>"}'),
        (HttpUrl, HttpUrl("http://a.b/c"), b'"http://a.b/c"'),
    ],
)
def test_serialisers_of_an_annotation_are_used(annotation, value, raw):
    assert writer(annotation)(value) == raw


def test_what_json_cannot_carry_is_refused_under_an_annotated_serialiser():
    with pytest.raises(ResultNotSerialisable, match=r"result is a _thread\.lock"):
        writer(Marked)(threading.Lock())


def test_nan_is_refused_under_an_annotated_serialiser():
    with pytest.raises(ResultNotSerialisable, match="holds a number that is not finite"):
        writer(tuple[Angled, float])((1, math.nan))


async def answered() -> int:
    return 1


def test_a_coroutine_says_that_an_await_is_missing():
    with pytest.raises(ResultNotSerialisable) as caught:
        dump({"answer": answered()})
    assert (
        "The value cannot become JSON: result.answer is the coroutine of the async function 'answered', which was called "
        "without `await`. Write `await` before the call, in a function that is `async def` itself."
    ) == str(caught.value)
