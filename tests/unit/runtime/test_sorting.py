"""How a process works out the keys of limits: `Executor.sort_soon`, with all it may run into, on a real Redis."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest
import redis

from spane import Limit, node
from spane.authoring import registry
from spane.authoring.registry import Registry
from spane.authoring.resources import Resources
from spane.model.expressions import Input, Output
from spane.model.outcome import Failed, RetryAt, Sorts, Succeeded, Unfit
from spane.model.plan import Plan, PlanInput, PlanNode
from spane.model.rules import LimitRule
from spane.runtime.claim import Claim
from spane.runtime.commands import Commands
from spane.runtime.executor import Executor
from spane.runtime.keys import Keys
from spane.runtime.programs import Programs
from spane.runtime.store import Start, Store
from spane.runtime.watchdog import Watchdog

pytestmark = pytest.mark.redis

BY_KEY = LimitRule(concurrency=1, key="n.id")
OF_INPUT = Plan("of_input", (PlanNode("only", "served", (("n", Input("n")),), limit=BY_KEY),), (PlanInput("n"),))
OF_PARENT = Plan(
    "of_parent",
    (
        PlanNode("first", "made"),
        PlanNode("only", "served", (("n", Output("first")),), parents=("first",), limit=BY_KEY),
    ),
)


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    store = Store(redis_client, Keys())
    store.load_scripts()
    for plan in (OF_INPUT, OF_PARENT):
        store.put_plan(plan)
    return store


@node(limit=Limit(concurrency=1, key="n.id"))
def served(n: dict[str, str]) -> str:
    raise AssertionError("it must not run")


@pytest.fixture
def executor(store: Store) -> Iterator[Executor]:
    executor = Executor(store, Programs(store, registry.default), Resources(), Watchdog())
    yield executor
    executor.close()


def held(store: Store, session: str = "w1") -> Claim:
    """Return what a fetch brings that needs its key."""
    commands = Commands(store, session)
    *_, row = store.client.execute_command(*commands.fetch(("default",), (), 0, 0, unsorted=1))
    return Claim(row)


def sorted_soon(executor: Executor, claim: Claim):
    """Return what becomes of a claim."""
    finished: queue.Queue[Claim] = queue.Queue()
    executor.sort_soon(claim, finished.put)
    assert claim is finished.get(timeout=10)
    return claim.outcome


@pytest.mark.parametrize("text", ["small", "x" * 300_000])
def test_the_key_comes_from_inputs_of_any_size(store, executor, text):
    for execution in ("x1", "x2"):
        inputs = b'{"n":{"id":"ada","text":"%s"}}' % text.encode()
        store.start(Start(execution, OF_INPUT.hash, "of_input", inputs))
        assert Sorts("ada") == sorted_soon(executor, held(store))


def with_a_large_parent(store: Store) -> Claim:
    store.start(Start("x1", OF_PARENT.hash, "of_parent", b"{}"))
    commands = Commands(store, "w1")
    *_, row = store.client.execute_command(*commands.fetch(("default",), (), 1, 0))
    output = Succeeded(b'{"id":"ada","text":"%s"}' % (b"x" * 300_000))
    for command in commands.commit(Claim(row), output, ""):
        store.client.execute_command(*command)
    return held(store, "w2")


def test_the_key_comes_from_an_output_that_is_kept_beside(store, executor):
    assert Sorts("ada") == sorted_soon(executor, with_a_large_parent(store))


def test_where_an_input_is_lost_its_node_fails_as_any_other(store, executor, caplog):
    claim = with_a_large_parent(store)
    store.client.delete(store.keys.blobs("x1"))
    outcome = sorted_soon(executor, claim)
    assert isinstance(outcome, RetryAt)
    assert "spane.errors:UnknownExecution" == outcome.error.type
    claim.failures, claim.attempt = 2, 3
    assert isinstance(sorted_soon(executor, claim), Failed)
    assert "The key of the limit of <only of x1, attempt 3> cannot be worked out." in caplog.text


def test_code_that_does_not_fit_says_so(store):
    executor = Executor(store, Programs(store, Registry()), Resources(), Watchdog())
    store.start(Start("x1", OF_INPUT.hash, "of_input", b'{"n":{"id":"ada"}}'))
    assert isinstance(sorted_soon(executor, held(store)), Unfit)
    executor.close()
