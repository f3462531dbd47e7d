"""A reference used as if its value were there: refused at the user's line, saying what to write instead."""

from __future__ import annotations

import asyncio
import copy
import math
import operator
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel

from spane import DefinitionError, ReferenceMisuse, node, workflow


@node
def number() -> int:
    return 7


def misuse(use):
    @workflow(name="misusing")
    def flow():
        use(number())

    with pytest.raises(ReferenceMisuse) as caught:
        _ = flow.draft
    [fault] = caught.value.faults
    assert "reference-misuse" == fault.code
    assert fault.where.startswith(f"{__file__}:")
    assert "Workflow 'misusing' has 1 fault" in str(caught.value)
    assert isinstance(caught.value, TypeError)
    return fault.message.removeprefix("<reference to node 'number': int> ")


def change(ref):
    ref.value = 1


def remove(ref):
    del ref.value


def put(ref):
    ref[0] = 1


def drop(ref):
    del ref[0]


def open_it(ref):
    with ref:
        pass


def branch(ref):
    if ref:
        pass


def loop(ref):
    for _ in ref:
        pass


def add_to(ref):
    ref += 1


def unpack(ref):
    _, _ = ref


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (branch, "has no truth yet. `if`, `while`, `and`, `or`, `not` and chained comparisons need a finished value"),
        (operator.not_, "has no truth yet."),
        (loop, "cannot be iterated. How many items it has is known only at run time: pass the whole list to a node"),
        (unpack, "cannot be iterated."),
        (list, "cannot be iterated."),
        (sum, "cannot be iterated."),
        (len, "has no length yet. Take the length inside a node."),
        (str, "is no text yet. Build the text inside a node; use repr() to look at the reference."),
        (lambda r: f"{r}", "is no text yet. f-strings and format() need a finished value"),
        (lambda r: f"{r:>5}", "is no text yet. f-strings"),
        (lambda r: "%s" % r, "is no text yet."),  # noqa: UP031 - the old way is misuse as well
        (print, "is no text yet."),
        (bytes, "is no bytes yet."),
        (range, "is no number yet. range(), slices and indexes need a finished value"),
        (lambda r: [1, 2][r], "is no number yet."),
        (lambda r: [1, 2][r:], "is no number yet."),
        (int, "is no number yet."),
        (float, "is no number yet."),
        (complex, "is no number yet."),
        (round, "cannot be calculated with. Calculate inside a node."),
        (math.floor, "cannot be calculated with."),
        (lambda r: r + 1, "cannot be calculated with. Calculate inside a node."),
        (lambda r: 1 + r, "cannot be calculated with."),
        (lambda r: 2**r, "cannot be calculated with."),
        (lambda r: "a" + r, "cannot be calculated with."),
        (lambda r: [1] + r, "cannot be calculated with."),  # noqa: RUF005 - this is the misuse
        (lambda r: r % 2, "cannot be calculated with."),
        (lambda r: -r, "cannot be calculated with."),
        (lambda r: ~r, "cannot be calculated with."),
        (abs, "cannot be calculated with."),
        (add_to, "cannot be calculated with."),
        (lambda r: r(), "cannot be called. What it will be is known only at run time; call it inside a node."),
        (lambda r: asyncio.run(wait_for(r)), "cannot be awaited. In a body nothing runs; drop the `await`"),
        (lambda r: 3 in r, "cannot be searched with `in`. Search inside a node."),
        (reversed, "cannot be reversed."),
        (open_it, "is no context manager. Open it inside a node, or inject it with use(...)."),
        (lambda r: r[r], "cannot be indexed by <reference to node 'number': int>."),
        (change, "cannot be changed (.value = ...). Let a node return the changed value."),
        (remove, "cannot be changed (del .value)."),
        (put, "cannot be changed ([...] = ...)."),
        (drop, "cannot be changed (del [...])."),
        (copy.copy, "cannot be copied or pickled. Pass the reference itself."),
        (copy.deepcopy, "cannot be copied or pickled."),
        (pickle.dumps, "cannot be copied or pickled."),
    ],
)
def test_a_reference_is_no_value(use, said):
    assert misuse(use).startswith(said)


async def wait_for(reference):
    return await reference


def test_misuse_is_told_at_the_line_of_the_user(marked):
    @workflow
    def flow():
        seven = number()
        if seven > 3:  # here
            number()

    with pytest.raises(ReferenceMisuse) as caught:
        _ = flow.draft
    assert marked(test_misuse_is_told_at_the_line_of_the_user) == caught.value.faults[0].where


class Plain(BaseModel):
    number: int


def test_a_library_in_between_is_not_where_a_reference_was_misused(marked):
    @workflow
    def flow():
        seven = number()
        Plain(number=seven)  # here

    with pytest.raises(DefinitionError) as caught:
        _ = flow.draft
    assert marked(test_a_library_in_between_is_not_where_a_reference_was_misused) == caught.value.faults[0].where


def test_a_call_from_a_thread_is_told_at_the_workflow():
    @workflow
    def flow():
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(other, [number()]))

    @node
    def other(n: int) -> int:
        return n

    with pytest.raises(ReferenceMisuse, match="is passed to 'other' outside its body") as caught:
        _ = flow.draft
    assert str(flow.location) == caught.value.faults[0].where


def test_a_reference_that_left_its_body_is_no_argument_of_a_plain_call():
    kept = []

    @node
    def double(n: int) -> int:
        return 2 * n

    @workflow
    def flow():
        kept.append(number())

    _ = flow.draft
    with pytest.raises(
        ReferenceMisuse, match=r"is passed to 'double' outside its body\. Call nodes in the body itself."
    ):
        double(kept[0])
