"""Sources evaluated on raw JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spane.errors import ValueMismatch
from spane.model.codec import compile_source, dump, evaluate
from spane.model.expressions import Constant, Fields, Input, Items, Output

OUTPUTS = {"load": b'{"items":[{"price":1.50},{"price":2}],"odd key":null}', "text": b'"x"', "broken": b"{"}
INPUTS = b'{"order_id":7,"where":{"city":"Oslo"},"nothing":null}'


def constant(raw: bytes) -> Constant:
    return Constant(msgspec.Raw(raw))


@pytest.mark.parametrize(
    ("source", "raw"),
    [
        (constant(b'{"a":1}'), b'{"a":1}'),
        (Output("load"), OUTPUTS["load"]),
        (Output("load", ("items", 0, "price")), b"1.50"),
        (Output("load", ("items", -1)), b'{"price":2}'),
        (Output("load", ("odd key",)), b"null"),
        (Output("skipped"), None),
        (Output("skipped", ("items", 0)), None),
        (Input(None), INPUTS),
        (Input(None, ("order_id",)), b"7"),
        (Input("order_id"), b"7"),
        (Input("nothing"), b"null"),
        (Input("where", ("city",)), b'"Oslo"'),
        (Input("not_given"), None),
        (Input("not_given", ("a",)), None),
        (Items(()), b"[]"),
        (Items((Input("order_id"), Output("text"), Items((constant(b"1"),)))), b'[7,"x",[1]]'),
        (Items((Input("order_id"), Output("skipped"))), None),
        (Fields(()), b"{}"),
        (Fields((('quo"ted', Input("order_id")), ("b", Output("text")))), b'{"quo\\"ted":7,"b":"x"}'),
        (Fields((("a", Output("skipped")),)), None),
    ],
)
def test_a_source_gives_raw_json_or_is_absent(source, raw):
    assert evaluate(source, OUTPUTS, INPUTS) == raw


@pytest.mark.parametrize("source", [Input(None), Input("a"), Input("a", ("b",)), Items((Input("a"),))])
def test_without_inputs_what_reads_them_is_absent(source):
    assert evaluate(source, OUTPUTS, None) is None


def test_an_output_without_a_path_is_handed_on_as_the_same_bytes():
    assert evaluate(Output("load"), OUTPUTS, None) is OUTPUTS["load"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            Output("load", ("total",)),
            "takes value.total from the output of 'load', but value has no 'total'; its keys are 'items', 'odd key'.",
        ),
        (
            Output("load", ("items", 2, "price")),
            "takes value.items[2].price from the output of 'load', but value.items has 2 items, so there is no [2].",
        ),
        (Output("text", ("a",)), "but value is not an object; it is 'x'."),
        (Output("load", ("items", "first")), "but value.items is not an object; it is [{'price': 1.5}, {'price': 2}]."),
        (Output("load", (0,)), "but value is not an array; it is {'items':"),
        (Output("load", ("odd key", 0)), "but value['odd key'] is not an array; it is None."),
        (Output("broken", ("a",)), "but value is not JSON (Input data was truncated)."),
        (Input("where", ("street",)), "from input 'where', but value has no 'street'; its keys are 'city'."),
        (Input(None, ("street",)), "from the inputs, but value has no 'street'"),
    ],
)
def test_a_path_that_leads_nowhere_says_how_far_it_came(source, message):
    with pytest.raises(ValueMismatch) as caught:
        compile_source(source, node="charge", parameter="order")(OUTPUTS, INPUTS)
    assert message in str(caught.value)
    assert str(caught.value).startswith("Parameter 'order' of node 'charge' takes ")
    assert (caught.value.node, caught.value.parameter) == ("charge", "order")


plain = st.recursive(
    st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.text('ab"\\é', max_size=3), inner, min_size=1, max_size=3)
    ),
    max_leaves=10,
)


@given(value=plain, data=st.data())
def test_walking_raw_json_finds_what_walking_the_value_finds(value, data):
    path: list[str | int] = []
    part: Any = value
    while isinstance(part, list | dict) and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(list(part) if isinstance(part, dict) else range(len(part))))
        path.append(step)
        part = part[step]
    raw = evaluate(Output("n", tuple(path)), {"n": dump(value)}, None)
    assert json.loads(raw) == part
