"""Watch one execution: what its events say about every node, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spane.engine import Engine, Execution
from spane.errors import ResultTimeout
from spane.model.event import Event, EventKind
from spane.model.state import ExecutionState, NodeState

#: How often a picture is renewed.
TURN_S = 0.1


@dataclass(slots=True)
class Row:
    """Where one node stands. Times are milliseconds of the store's clock."""

    state: NodeState = NodeState.WAITING
    attempt: int = 0
    began_ms: int = 0
    took_ms: float | None = None
    note: str = ""


class Watch:
    """The nodes of one execution, kept up to date by its events."""

    def __init__(self, engine: Engine, execution: Execution[Any]) -> None:
        self.execution = execution
        self.began_ms = engine.store.clock.now_ms()
        self.claimed = False
        self.rows = {view.id: Row(view.state, view.attempt, view.since_ms) for view in execution.nodes().values()}
        self._store = engine.store
        self._first = True
        self._seen = "-"

    def turns(self) -> Iterator[tuple[ExecutionState | None, list[Event]]]:
        """Yield new events every tenth of a second, and with the last of them how the execution ended."""
        while True:
            try:
                ended = self.execution.wait(TURN_S)
            except ResultTimeout:
                ended = None
            events = list(self._new())
            if ended is not None:
                self._settle()
            yield ended, events
            if ended is not None:
                return

    def _new(self) -> Iterator[Event]:
        source = self.execution.events() if self._first else self._store.events(self._seen)
        for event in source:
            self._seen, self._first = event.id, False
            if event.execution == self.execution.id:
                self._take(event)
                yield event

    def _take(self, event: Event) -> None:
        if event.kind is EventKind.EXECUTION_STARTED:
            self.began_ms = event.at_ms
        row = self.rows.get(event.node or "")
        if row is None:
            return
        data = event.data or {}
        if event.attempt is not None:
            row.attempt = event.attempt
        match event.kind:
            case EventKind.NODE_CLAIMED:
                self.claimed = True
                row.state, row.began_ms, row.took_ms, row.note = NodeState.RUNNING, event.at_ms, None, ""
            case EventKind.NODE_SUCCEEDED:
                row.state, row.took_ms, row.note = NodeState.SUCCEEDED, data["duration_us"] / 1000, ""
            case EventKind.NODE_FAILED:
                row.state, row.took_ms, row.note = NodeState.FAILED, data["duration_us"] / 1000, str(event.error)
            case EventKind.NODE_RETRYING:
                again = f"again in {data['delay_ms'] / 1000:.1f} s"
                row.state, row.note = NodeState.RETRYING, f"{again}: {event.error}"
            case EventKind.NODE_PARKED:
                row.state, row.note = NodeState.PARKED, data.get("reason", "")
            case EventKind.NODE_LOST:
                row.state, row.note = NodeState.QUEUED, "its worker died; taken over"
            case EventKind.NODE_RETURNED:
                row.state, row.note = NodeState.QUEUED, ""
            case EventKind.NODE_PROGRESS:
                row.note = f"{data['done']:,} of {data['total']:,}" if data.get("total") else f"{data['done']:,}"
            case _:
                pass

    def _settle(self) -> None:
        """Take the last states from the store: what was skipped or cancelled has no event of its own."""
        for view in self.execution.nodes().values():
            self.rows[view.id].state = view.state

    def now_ms(self) -> int:
        """Return the time now, as far as this machine knows it."""
        return max(time.time_ns() // 1_000_000, self.began_ms)
