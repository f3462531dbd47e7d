"""The workbench: what the fixture `spane` gives a test."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast, overload

import dramatiq
import dramatiq.broker
from dramatiq import Worker

from spane.authoring import registry
from spane.authoring.node import Node
from spane.authoring.workflow import Bound, Workflow
from spane.control.starting import split
from spane.engine import Engine, Execution
from spane.model.state import ExecutionState
from spane.runtime import pending, stream
from spane.runtime.clock import VirtualClock
from spane.runtime.in_process import InProcessBroker
from spane.settings import Settings
from spane.testing import failures
from spane.testing.crashing import Crash, crash_everywhere
from spane.testing.replacing import Replacement, ReplacingRegistry
from spane.testing.story import Events

P = ParamSpec("P")
R = TypeVar("R")

#: No lease runs out while a test moves the clock: there is no other worker that could take over.
_LEASE_S = 10 * 365 * 86_400.0
#: More than any node of a unit test takes; one that hangs is named instead of hanging the run.
_DRAIN_S = 30.0


class Workbench:
    """An engine in this process with all that a test wants to do to it.

    Node types and workflows that the test defines, actors and the global Dramatiq broker are as before once it ends.
    """

    def __init__(self) -> None:
        self._before = registry.default.snapshot()
        self._registry = ReplacingRegistry(registry.default, self._forget_programs)
        settings = Settings(redis_url="redis://nowhere", lease_s=_LEASE_S)
        self.engine = Engine.in_memory(settings=settings, registry=self._registry, virtual_time=True)
        self._clock = self.engine.store.clock = VirtualClock(frozen=True)
        self._broker = cast("InProcessBroker", self.engine.broker)
        self._theirs = dramatiq.broker.global_broker
        self._actors_brokers: dict[str, Any] = {}
        self._failures: list[failures.Failure] = []

    def __enter__(self) -> Self:
        """Stand in for the global Dramatiq broker, with its actors."""
        for name, actor in (self._theirs.actors if self._theirs is not None else {}).items():
            self._actors_brokers[name] = actor.broker
            actor.broker = self._broker
            self._broker.declare_actor(actor)
        dramatiq.set_broker(self._broker)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._broker.process is not None:
            # All threads notice at their next look; Dramatiq alone would let one kind end before it told the next.
            for thread in self.worker.workers:
                thread.stop()
            for consumer in self.worker.consumers.values():
                consumer.stop()
        self.engine.close()
        dramatiq.broker.global_broker = self._theirs
        for name, broker in self._actors_brokers.items():
            self._broker.actors[name].broker = broker
        registry.default.restore(self._before)

    def __repr__(self) -> str:
        return f"<workbench of {len(self.events)} events>"

    # Running.

    @overload
    def run(self, workflow: Bound[R], /) -> R: ...
    @overload
    def run(self, workflow: Workflow[P, R], /, *args: P.args, **inputs: P.kwargs) -> R: ...
    def run(self, workflow: Any, /, *args: Any, **inputs: Any) -> Any:
        """Run a workflow to its end and return its result; waits for retries and delays cost no real time.

        Raises whatever the node raised that failed it: the user's own exception, with the user's own frames.
        """
        __tracebackhide__ = True
        execution = self.engine.start(workflow if isinstance(workflow, Bound) else workflow.bind(*args, **inputs))
        if execution.wait() is ExecutionState.FAILED:
            failure = failures.of(self.engine, execution)
            if failure is not None:
                self._failures.append(failure)
                raise failure.exception
        return execution.result()

    @overload
    def start(self, workflow: Bound[R], inputs: None = None, **options: Any) -> Execution[R]: ...
    @overload
    def start(
        self, workflow: Workflow[P, R], inputs: Mapping[str, Any] | None = None, **options: Any
    ) -> Execution[R]: ...
    def start(self, workflow: Any, inputs: Mapping[str, Any] | None = None, **options: Any) -> Execution[Any]:
        """Start an execution and return at once; options are those of `Engine.start`."""
        __tracebackhide__ = True
        execution: Execution[Any] = self.engine.start(workflow, inputs, **options)
        return execution

    def drain(self, timeout_s: float = _DRAIN_S) -> None:
        """Return when everything that can run now has run: nodes, and messages of the test's own actors.

        What waits for a retry, a delay or a start later on does not count. `TimeoutError` names what still runs.
        """
        __tracebackhide__ = True
        _ = self.worker
        deadline = time.monotonic() + timeout_s
        while not self._broker.at_rest():
            if time.monotonic() >= deadline:
                raise TimeoutError(f"After {timeout_s:g} s this still has not come to its end: {self._unfinished()}.")
            time.sleep(0.001)

    def advance(self, seconds: float) -> None:
        """Move the clock. What becomes due on the way runs, in the order in which it is due, each at its own time."""
        __tracebackhide__ = True
        self.drain()
        until_ms = self._clock.now_ms() + round(seconds * 1000)
        store = self.engine.store
        while (due_ms := pending.next_due_ms(store)) is not None and self._clock.now_ms() + due_ms <= until_ms:
            self.engine.advance(max(0, due_ms) / 1000)
            self.drain()
        self.engine.advance((until_ms - self._clock.now_ms()) / 1000)
        self.drain()

    def replace(self, node: Node[..., Any] | str, with_: Any) -> Replacement:
        """Replace what a node does: by a function, by a value that it returns, or by an exception that it raises.

        A function may take any of the node's parameters by their names. The replacement ends with the `with` that
        it is used in, or with the test; its `calls` are the arguments of each call.

        >>> with spane.replace(charge, with_=ConnectionError("no answer")) as failing:
        ...     spane.start(fulfil, {"order_id": 7})
        """
        __tracebackhide__ = True
        return self._registry.replace(node, with_)

    def crash_everywhere(
        self, workflow: Workflow[..., Any] | Bound[Any], inputs: Mapping[str, Any] | None = None
    ) -> Iterator[Crash]:
        """Run a workflow once as it is, then once for each commit with a worker that dies right before, and right after.

        Each run is yielded when it has ended, so that a test can look at what its nodes did, and clean up for the next.
        A node whose worker dies before the commit runs again: what must happen once has to bear that.

        >>> for crash in spane.crash_everywhere(fulfil, {"order_id": 7}):
        ...     assert crash.result == "sent"
        ...     assert len(charged) == 1, crash
        ...     charged.clear()
        """
        chosen, given = split(workflow, inputs, self.engine.registry)
        return crash_everywhere(chosen, given, self._registry)

    # Looking.

    @property
    def events(self) -> Events:
        """All events so far, oldest first."""
        return Events(stream.events(self.engine.store))

    @property
    def broker(self) -> InProcessBroker:
        """The Dramatiq broker, a `StubBroker`: `broker.join(queue)` waits for messages and nodes alike."""
        _ = self.worker
        return self._broker

    @property
    def worker(self) -> Worker:
        """The Dramatiq worker in this process; it runs from the first use on."""
        return self.engine.worker

    # Explaining.

    def explain(self, report: Any, error: BaseException) -> None:
        """Begin a failed test's report with the node that failed, and end it with the events; for the plugin."""
        failures.explain(report, error, self._failures, self.engine, self.events)

    def hide_engine(self, error: BaseException) -> None:
        """Take the engine's frames out of what pytest is about to show; for the plugin."""
        failures.hide_engine(error)

    def _unfinished(self) -> str:
        process = self._broker.process
        running = [
            f"node {claim.node!r} of {claim.execution}" for claim in (process.pump.holdings.running if process else ())
        ]
        messages = [f"queue {name!r}" for name, queue in self._broker.queues.items() if queue.unfinished_tasks]
        return ", ".join([*running, *messages]) or "nodes that are queued"

    def _forget_programs(self) -> None:
        if self._broker.process is not None:
            self._broker.process.programs.forget()
