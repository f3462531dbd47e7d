"""Wait for executions and follow their events: by listening to Redis, or by moving an in-process engine on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from spane.control import reading
from spane.errors import ExecutionStalled, ResultTimeout
from spane.model.event import Event
from spane.model.state import ExecutionState
from spane.runtime.clock import VirtualClock
from spane.runtime.in_process import InProcessBroker
from spane.runtime.store import Store

_TURN_S = 1.0


class Waiter(Protocol):
    """How an engine waits. Both methods wait at most `timeout_s`, and may come back early."""

    def until_ended(self, execution: str, timeout_s: float) -> None:
        """Wait for an execution's end."""

    def until_event(self, after: str, timeout_s: float) -> None:
        """Wait for an event after stream id `after`."""

    def close(self) -> None:
        """Let go of what it waits with."""


class InProcess:
    """Lets an in-process worker come to rest; with virtual time, then jumps to the next timer."""

    def __init__(self, store: Store, broker: InProcessBroker, *, virtual_time: bool) -> None:
        self._store = store
        self._broker = broker
        self._virtual_time = virtual_time

    def until_ended(self, execution: str, timeout_s: float) -> None:
        """Move on; `ExecutionStalled` where nothing is left that could move."""
        if not self._broker.wait_quiet(timeout_s, lambda: self._ended(execution)) or self._ended(execution):
            return
        due_ms = self._store.next_due_ms()
        if due_ms is None:
            raise ExecutionStalled(self._why(execution), execution=execution)
        if self._virtual_time:
            self.advance(max(0, due_ms))
        else:
            time.sleep(min(timeout_s, max(0, due_ms) / 1000, 0.05))

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

    def _why(self, execution: str) -> str:
        if self._store.status(execution) == ExecutionState.PAUSED:
            return f"Execution {execution!r} is paused, and nothing else moves it: resume or cancel it."
        states = reading.nodes(self._store, execution)
        waiting = ", ".join(f"{view.id} ({view.state})" for view in states.values() if not view.state.ended)
        unfit = "; ".join(self._store.unfit().values())
        return (
            f"Execution {execution!r} cannot go on: nothing runs and nothing is due, but these nodes have not ended: "
            f"{waiting}. {unfit or 'Register the node types that they need.'}"
        )


def for_end(store: Store, waiter: Waiter, execution: str, timeout_s: float | None) -> ExecutionState:
    """Wait until an execution has ended and return how; `ResultTimeout` if it has not in time."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        status = ExecutionState(store.status(execution))
        if status.ended:
            return status
        left = _TURN_S if deadline is None else min(_TURN_S, deadline - time.monotonic())
        if left <= 0:
            raise ResultTimeout(execution, timeout_s or 0, status)
        waiter.until_ended(execution, left)


def follow(store: Store, waiter: Waiter, execution: str) -> Iterator[Event]:
    """Yield an execution's events as they come, until its terminal one.

    It ends as well where that one was trimmed away; `UnknownExecution` where the execution itself is gone.
    """
    seen = reading.before_first(store, execution)
    ended = False
    while not ended:
        ended = ExecutionState(store.status(execution)).ended
        for event in store.events(seen):
            seen = event.id
            if event.execution == execution:
                yield event
                if event.kind.terminal:
                    return
        if not ended:
            waiter.until_event(seen, _TURN_S)
