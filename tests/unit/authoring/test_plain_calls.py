"""Outside a body a node is just its function, with context and resources filled in."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from spane import Context, RetryLater, current, node, use
from spane.authoring import resources
from spane.authoring.context import CURRENT


class Nowhere:
    def results(self, node_id):
        return {"fetch": b'{"n": 3}', "big": b"123456789012345678901234567890"}[node_id]

    def progress(self, done, total):
        self.seen = (done, total)

    def cancelled(self):
        return True

    def errors(self):
        return {"fetch": "failed"}


def attempt(backend=None):

    return Context("e1", "flow", "load", 2, {"k": 1}, logging.getLogger("test"), backend=backend or Nowhere())


def test_exceptions_and_arguments_are_the_functions_own():
    @node
    def divide(a: int, b: int = 0) -> float:
        return a / b

    assert 2 == divide(4, b=2)
    with pytest.raises(ZeroDivisionError):
        divide(1)
    with pytest.raises(TypeError, match=r"divide\(\) missing 1 required positional argument: 'a'"):
        divide()


def test_an_unresolvable_annotation_does_not_hinder_a_plain_call():
    @node
    def load(order: Missing, context: Context) -> Gone:  # noqa: F821
        return order, context.node

    assert (7, "load") == load(7)


def test_the_context_is_filled_in_wherever_it_stands():
    @node
    def first(context: Context, n: int) -> str:
        return f"{context.node} {n}"

    @node
    def middle(a: int, context: Context, b: int) -> str:
        return f"{a} {context.node} {b}"

    @node
    def last(n: int, context: Context = current()) -> str:
        return f"{context.node} {n}"

    @node
    def optional(n: int, *, context: Context | None = None) -> str:
        return f"{context.node} {n}"

    assert ["first 7", "first 7"] == [first(7), first(n=7)]
    assert ["1 middle 2", "1 middle 2", "1 middle 2"] == [middle(1, 2), middle(1, b=2), middle(a=1, b=2)]
    assert ["last 7", "optional 7"] == [last(7), optional(7)]


def test_a_given_context_is_kept():
    @node
    def first(context: Context, n: int) -> str:
        return f"{context.execution} {n}"

    assert ["e1 7", "e1 7", "local 7"] == [first(attempt(), 7), first(context=attempt(), n=7), first(7)]


def test_the_context_of_a_plain_call_stands_for_no_execution():
    @node
    def load(context: Context = current()) -> Context:
        assert context is current()
        return context

    context = load()
    assert ("local", "", "load", 1, {}) == (
        context.execution,
        context.workflow,
        context.node,
        context.attempt,
        context.config,
    )
    assert "local:load" == context.idempotency_key
    assert "spane.node" == context.logger.name
    assert not context.cancelled
    assert {} == context.errors
    assert "any" not in context.results
    assert 3 == context.results.get("any", 3)
    with pytest.raises(KeyError):
        context.results["any"]
    context.progress(1, 2)
    assert "current()" == repr(current())


def test_a_node_called_inside_a_running_node_shares_its_context():
    @node
    def inner(context: Context = current()) -> str:
        return context.node

    token = CURRENT.set(attempt())
    try:
        assert ("load", "e1") == (inner(), current().execution)
    finally:
        CURRENT.reset(token)


def test_a_context_default_taken_inside_a_running_node_still_asks_for_the_context():
    token = CURRENT.set(attempt())
    try:

        @node
        def lazy(context=current()) -> str:
            return context.execution

    finally:
        CURRENT.reset(token)
    assert "local" == lazy()


def test_a_context_answers_from_its_backend():
    backend = Nowhere()
    context = attempt(backend)
    assert ("e1:load", 2, {"k": 1}) == (context.idempotency_key, context.attempt, context.config)
    assert {"n": 3} == context.results["fetch"]
    assert 123456789012345678901234567890 == context.results["big"]
    assert {"n": 3} == context.result("fetch", dict[str, int])
    assert {"n": 3} == context.result("fetch")
    assert "fetch" in context.results
    assert context.cancelled
    assert {"fetch": "failed"} == context.errors
    context.progress(1, 4)
    assert (1, 4) == backend.seen
    with pytest.raises(RetryLater) as caught:
        context.rate_limited(2.5)
    assert 2.5 == caught.value.after_s
    assert "<context of node 'load', attempt 2, execution 'e1'>" == repr(context)


def test_an_async_node_runs_to_its_value_where_no_loop_runs():
    @node
    async def fetch(url: str, context: Context = current()) -> str:
        await asyncio.sleep(0)
        return f"{url} {current().node} {context.node}"

    assert "a fetch fetch" == fetch("a")


def test_an_async_node_is_awaited_where_a_loop_runs():
    @node
    async def fetch(url: str, context: Context = current()) -> str:
        return f"{url} {context.node}"

    @node
    async def both() -> list[str]:
        return [await fetch("a"), await fetch.fn("b", attempt())]

    assert ["a both", "b load"] == both()


def test_resources_are_filled_in_and_made_once():
    made = []

    def pool() -> Iterator[str]:
        made.append("opened")
        yield "pool"
        made.append("closed")

    @node
    def load(n: int, db: str = use(pool)) -> str:
        return f"{db} {n}"

    assert ["pool 1", "pool 2", "own 3", "own 4"] == [load(1), load(2), load(3, "own"), load(4, db="own")]
    assert ["opened"] == made
    resources.process.close()
    assert ["opened", "closed"] == made


def test_threads_share_resources():
    made = []
    barrier = threading.Barrier(4)

    def pool():
        made.append(1)
        yield "pool"

    @node
    def load(db: str = use(pool)) -> str:
        return db

    def call():
        barrier.wait()
        load()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [1] == made
    resources.process.close()


@pytest.mark.parametrize(
    ("done", "total"), [("3 of 10", 2), (1, None), (float("nan"), 1), (1, float("inf")), (True, 2)]
)
def test_progress_takes_finite_numbers(done, total):
    with pytest.raises(TypeError, match="is a finite number, such as progress"):
        attempt().progress(done, total)
