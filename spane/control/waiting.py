"""Wait for executions and follow their events: by listening to Redis, or by moving an in-process engine on."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol, TypeVar

from spane.control import causes, reading
from spane.control.causes import Cause
from spane.control.explaining import explain
from spane.errors import ExecutionStalled, ResultTimeout, StoreUnavailable
from spane.model.event import Event
from spane.model.state import ExecutionState
from spane.runtime import pending, stream
from spane.runtime.clock import VirtualClock
from spane.runtime.in_process import InProcessBroker
from spane.runtime.store import Store

_logger = logging.getLogger("spane.engine")

T = TypeVar("T")

_TURN_S = 1.0
#: How long one who waits without a time limit puts up with a Redis that does not answer.
AWAY_S = 60.0
_LOOK_AGAIN_S = 0.1
#: How soon a worker of this process is looked at again that has nothing to do: another thread may signal, or resume.
_IN_PROCESS_TURN_S = 0.02
_TOLD_AFTER_S = 1.0
_REASONS_TOLD = 5


class Waiter(Protocol):
    """How an engine waits. `until_ended` and `until_event` wait at most `timeout_s`, and may come back early."""

    #: Whether nobody else moves executions on, so that it is of no use to wait for one that has stalled.
    alone: bool

    def until_ended(self, execution: str, timeout_s: float) -> None:
        """Wait for an execution's end."""

    def stalled(self, execution: str) -> ExecutionStalled | None:
        """Return the error that says why an execution does not go on by itself; None where it does, or may."""

    def until_event(self, after: str, timeout_s: float) -> None:
        """Wait for an event after stream id `after`."""

    def close(self) -> None:
        """Let go of what it waits with."""


class InProcess:
    """Lets an in-process worker come to rest; with virtual time, then jumps to the next timer."""

    def __init__(self, store: Store, broker: InProcessBroker, *, virtual_time: bool) -> None:
        self._store = store
        self._broker = broker
        self.alone = virtual_time

    def until_ended(self, execution: str, timeout_s: float) -> None:
        """Move on."""
        if not self._broker.wait_quiet(timeout_s, lambda: self._ended(execution)) or self._ended(execution):
            return
        due_ms = pending.next_due_ms(self._store)
        if not self.alone:
            due_s = math.inf if due_ms is None else max(0, due_ms) / 1000
            time.sleep(min(timeout_s, due_s, _IN_PROCESS_TURN_S))
        elif due_ms is not None:
            self.advance(max(0, due_ms))

    def stalled(self, execution: str) -> ExecutionStalled | None:
        """Say why nothing moves the execution on: nothing runs, and nothing is due."""
        if not self._broker.quiet() or self._ended(execution) or pending.next_due_ms(self._store) is not None:
            return None
        reasons = list(dict.fromkeys(_reasons(self._store, execution)))
        if len(reasons) > _REASONS_TOLD:
            reasons[_REASONS_TOLD:] = [f"{len(reasons) - _REASONS_TOLD} others wait as well"]
        return ExecutionStalled(
            f"Execution {execution!r} does not go on by itself: nothing runs and nothing is due. {'; '.join(reasons)}.",
            execution=execution,
        )

    def until_event(self, after: str, timeout_s: float) -> None:
        """Give the worker's threads a turn."""
        time.sleep(min(timeout_s, 0.01))

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def advance(self, by_ms: int) -> None:
        """Move the clock; what becomes due runs."""
        clock = self._store.clock
        assert isinstance(clock, VirtualClock)
        clock.advance(by_ms)
        if self._broker.process is not None:
            self._broker.process.pump.wake()

    def _ended(self, execution: str) -> bool:
        return ExecutionState(self._store.status(execution)).ended


def _reasons(store: Store, execution: str) -> Iterator[str]:
    """Yield what an execution waits for that nothing in it brings about, and what to do."""
    found = explain(store, execution)
    if found.status is ExecutionState.PAUSED:
        yield f"Execution {execution!r} is paused; resume it, or cancel it"
        return
    for name, cause in found.nodes.items():
        if isinstance(cause, causes.Items):
            for group in cause.groups:
                yield from _of_node(store, group.first, group.cause)
        elif not isinstance(cause, causes.Parents):
            yield from _of_node(store, name, cause)


def _of_node(store: Store, name: str, cause: Cause) -> Iterator[str]:
    if isinstance(cause, causes.Child):
        yield from _reasons(store, cause.execution)
    elif isinstance(cause, causes.Awaiting) and cause.event:
        yield f"Node {name!r} waits for event {cause.event!r}; signal it"
    elif isinstance(cause, causes.Unfit):
        yield f"Node {name!r} fits no worker, because {cause.reason}; register the node types that it needs"
    else:
        yield f"Node {name!r}: {str(cause).rstrip('.')}"


def for_end(store: Store, waiter: Waiter, execution: str, timeout_s: float | None) -> ExecutionState:
    """Wait until an execution has ended and return how.

    Raises:
        ResultTimeout: it has not ended in time.
        ExecutionStalled: in process, nothing moves it on when the time is over; without a time, or with virtual time, at once.
        StoreUnavailable: Redis does not answer when the time is over; without a time, not for `AWAY_S`.
    """
    patience = Patience(timeout_s)
    while True:
        status = patience.ask(lambda: ExecutionState(store.status(execution)))
        if status.ended:
            return status
        left = min(_TURN_S, patience.left_s)
        if left <= 0:
            raise waiter.stalled(execution) or ResultTimeout(execution, timeout_s or 0, status)
        # Why it came back early is told by the next question.
        with suppress(StoreUnavailable):
            waiter.until_ended(execution, left)
            if (timeout_s is None or waiter.alone) and (stalled := waiter.stalled(execution)):
                raise stalled


class Patience:
    """Asks Redis again while it is away, until a deadline; without one, until it has been away for `AWAY_S`."""

    def __init__(self, timeout_s: float | None) -> None:
        self._ends_at = None if timeout_s is None else time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """How much time is left."""
        return math.inf if self._ends_at is None else self._ends_at - time.monotonic()

    def ask(self, question: Callable[[], T]) -> T:
        """Return the answer to a question that may be asked twice; `StoreUnavailable` when the time is over first."""
        gives_up_at = time.monotonic() + AWAY_S if self._ends_at is None else self._ends_at
        told, tells_at = False, time.monotonic() + _TOLD_AFTER_S
        while True:
            try:
                return question()
            except StoreUnavailable as error:
                left_s = gives_up_at - time.monotonic()
                if left_s <= 0:
                    raise
                if not told and time.monotonic() >= tells_at:
                    _logger.warning("%s Waiting for it, for %.0f s more at most.", error, left_s)
                    told = True
                time.sleep(min(left_s, _LOOK_AGAIN_S))


def follow(store: Store, waiter: Waiter, execution: str) -> Iterator[Event]:
    """Yield an execution's events as they come, until its terminal one.

    It ends as well where that one was trimmed away.

    Raises:
        UnknownExecution: the execution itself is gone.
        StoreUnavailable: Redis does not answer for `AWAY_S`.
    """
    patience = Patience(None)
    seen = patience.ask(lambda: reading.before_first(store, execution))
    ended = False
    while not ended:
        ended = ExecutionState(patience.ask(lambda: store.status(execution))).ended
        try:
            for event in stream.events(store, seen):
                seen = event.id
                if event.execution == execution:
                    yield event
                    if event.kind.terminal:
                        return
            if not ended:
                waiter.until_event(seen, _TURN_S)
        except StoreUnavailable:
            ended = False
