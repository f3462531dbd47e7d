"""Whatever a user's own Dramatiq middleware does, a node comes to a stated end, on a thread and on the event loop."""

from __future__ import annotations

import threading

import pytest
from dramatiq.middleware import CurrentMessage, Middleware, MiddlewareError, SkipMessage
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend

from spane import Engine, Retry, node, workflow


class Refusal(MiddlewareError):
    """What a middleware may raise to refuse a message."""


class Raises(Middleware):
    """Raises in one of its hooks, whenever a node passes it."""

    def __init__(self, hook: str, error: BaseException) -> None:
        self._error = error
        setattr(self, hook, self._raise)

    def _raise(self, broker, message, **_):
        if message.actor_name.startswith("spane.bracketed"):
            raise self._error

    def before_process_message(self, broker, message): ...
    def after_process_message(self, broker, message, *, result=None, exception=None): ...
    def before_ack(self, broker, message): ...
    def after_ack(self, broker, message): ...


class Fails(Middleware):
    def before_process_message(self, broker, message):
        message.fail()


class Told(Middleware):
    """Keeps the names of the hooks that a node's message passed."""

    def __init__(self) -> None:
        self.hooks: list[str] = []
        self.acknowledged = threading.Event()

    def before_process_message(self, broker, message):
        self.hooks.append("before_process")

    def after_process_message(self, broker, message, *, result=None, exception=None):
        self.hooks.append("after_process" if exception is None else f"failed {type(exception).__name__}")

    def after_skip_message(self, broker, message):
        self.hooks.append("skipped")

    def before_ack(self, broker, message):
        self.hooks.append("before_ack")

    def after_ack(self, broker, message):
        self.hooks.append("after_ack")
        self.acknowledged.set()

    def before_nack(self, broker, message):
        self.hooks.append("before_nack")

    def after_nack(self, broker, message):
        self.hooks.append("after_nack")
        self.acknowledged.set()


@node(retry=Retry(attempts=1))
def bracketed(n: int) -> str:
    message = CurrentMessage.get_current_message()
    return message.actor_name if message else str(n)


@node(retry=Retry(attempts=1))
async def bracketed_async(n: int) -> str:
    message = CurrentMessage.get_current_message()
    return message.actor_name if message else str(n)


@workflow
def bracketing(n: int) -> str:
    return bracketed(n)


@workflow
def bracketing_async(n: int) -> str:
    return bracketed_async(n)


@node
def unbracketed(n: int) -> int:
    return n


@node
async def unbracketed_async(n: int) -> int:
    return n


@workflow
def living(n: int) -> int:
    return unbracketed_async(unbracketed(n))


FLOWS = [bracketing, bracketing_async]


@pytest.fixture
def engine():
    with Engine.in_memory() as engine:
        yield engine


def ended(engine, flow):
    execution = engine.start(flow, {"n": 7})
    return execution, execution.wait(timeout_s=10)


def alive(engine) -> None:
    """Assert that threads and event loop still work, more often than there are threads."""
    for execution in engine.start_many(living, [{"n": number} for number in range(12)]):
        execution.result(timeout_s=10)
    assert all(thread.is_alive() for thread in engine.worker.workers)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SkipMessage("no"), "spane.errors:AttemptRejected"),
        (Refusal("no"), "tests.flows.test_middleware:Refusal"),
        (SystemExit(3), "builtins:SystemExit"),
    ],
)
def test_a_middleware_that_refuses_a_node_fails_it(engine, flow, error, kind):
    assert "completed" == ended(engine, flow)[1]
    engine.broker.add_middleware(Raises("before_process_message", error))
    execution, status = ended(engine, flow)
    (view,) = execution.nodes().values()
    assert ("failed", kind, 1) == (status, view.error.type, view.error.attempt)
    alive(engine)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_middleware_that_marks_a_node_as_failed_fails_it(engine, flow):
    engine.broker.add_middleware(Fails())
    told = Told()
    engine.broker.add_middleware(told)
    execution, status = ended(engine, flow)
    (view,) = execution.nodes().values()
    assert ("failed", "spane.errors:AttemptRejected") == (status, view.error.type)
    assert told.acknowledged.wait(5)
    assert ["before_process", "after_process", "before_nack", "after_nack"] == told.hooks


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(
    ("hook", "error"),
    [
        ("before_process_message", ValueError("a fault of the middleware")),
        ("after_process_message", ValueError("a fault of the middleware")),
        ("after_process_message", SystemExit(3)),
        ("after_process_message", SkipMessage("too late")),
        ("before_ack", SkipMessage("too late")),
        ("before_ack", ValueError("a fault of the middleware")),
        ("before_ack", SystemExit(3)),
        ("after_ack", SystemExit(3)),
    ],
)
def test_a_fault_of_a_middleware_changes_nothing_for_the_node(engine, flow, hook, error):
    engine.broker.add_middleware(Raises(hook, error))
    execution, status = ended(engine, flow)
    assert ("completed", "7") == (status, execution.result())
    alive(engine)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_node_passes_the_same_hooks_on_a_thread_and_on_the_event_loop(engine, flow):
    told = Told()
    engine.broker.add_middleware(told)
    ended(engine, flow)
    assert told.acknowledged.wait(5)
    assert ["before_process", "after_process", "before_ack", "after_ack"] == told.hooks


@pytest.mark.parametrize("flow", FLOWS)
def test_a_skipped_node_passes_the_same_hooks_on_a_thread_and_on_the_event_loop(engine, flow):
    told = Told()
    engine.broker.add_middleware(told)
    engine.broker.add_middleware(Raises("before_process_message", SkipMessage("no")))
    ended(engine, flow)
    assert told.acknowledged.wait(5)
    assert ["before_process", "skipped", "before_ack", "after_ack"] == told.hooks


@pytest.mark.parametrize(("flow", "actor"), [(bracketing, "bracketed"), (bracketing_async, "bracketed_async")])
def test_a_node_sees_its_own_message_as_the_current_one(engine, flow, actor):
    engine.broker.add_middleware(CurrentMessage())
    assert f"spane.{actor}" == ended(engine, flow)[0].result()
    assert CurrentMessage.get_current_message() is None


@pytest.mark.parametrize("flow", FLOWS)
def test_a_middleware_for_results_leaves_nodes_alone(engine, flow):
    engine.broker.add_middleware(Results(backend=StubBackend(), store_results=True))
    assert ("completed", "7") == (ended(engine, flow)[1], ended(engine, flow)[0].result())
