"""Values that become part of a plan: one spelling, in every process."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from spane.errors import ResultNotSerialisable
from spane.model.freezing import canonical, freeze


class Order(BaseModel):
    id: int


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (None, b"null"),
        (1e16, b"1e+16"),
        ("é", '"é"'.encode()),
        ({"b": 1, "a": (1, 2)}, b'{"b":1,"a":[1,2]}'),
        (Order(id=1), b'{"id":1}'),
    ],
)
def test_freeze(value, raw):
    assert raw == freeze(value)


def test_sets_stand_in_order_wherever_they_are():
    assert b'["a","b","c"]' == freeze({"c", "a", "b"})
    assert b'[{"x":[[1],[2,3]]}]' == freeze([{"x": {frozenset({3, 2}), frozenset({1})}}])
    assert b"[1,2]" == freeze({2, 1}, set[int])


def test_what_json_cannot_carry_is_refused():
    endless = []
    endless.append(endless)
    for value in (float("nan"), object(), {"x": {object()}}, endless):
        with pytest.raises(ResultNotSerialisable):
            freeze(value)


def test_canonical_spelling():
    assert '{"a":"é","b":[1,2.0]}'.encode() == canonical(b' {"a": "\\u00e9", "b": [1, 2.0]} ')


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"NaN", "NaN is no JSON value"),
        (b"[Infinity]", "Infinity is no JSON value"),
        (b"{", "Expecting property name"),
        (b'"\\ud800"', "surrogates not allowed"),
    ],
)
def test_what_is_no_sound_json_has_no_canonical_spelling(raw, message):
    with pytest.raises(ValueError, match=message):
        canonical(raw)
