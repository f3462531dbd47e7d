"""Watch one execution: what its events say about every node, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spane.engine import Engine, Execution
from spane.errors import (
    ExecutionStalled,
    PlanGone,
    ResultTimeout,
    SpaneError,
    StoreError,
    StoreUnavailable,
    UnknownExecution,
)
from spane.model.event import Event, EventKind
from spane.model.items import program_of
from spane.model.plan import is_step
from spane.model.state import ExecutionState, NodeState
from spane.runtime import stream

#: How often a picture is renewed.
TURN_S = 0.1
#: How long a store may be away before nobody waits for it any longer.
PATIENCE_S = 600.0

_ENDS = {EventKind.NODE_SUCCEEDED: NodeState.SUCCEEDED, EventKind.NODE_CANCELLED: NodeState.CANCELLED}
_BACK = {EventKind.NODE_LOST: "its worker died; taken over", EventKind.NODE_RETURNED: ""}


@dataclass(slots=True)
class Row:
    """Where one node stands. Times are milliseconds of the store's clock."""

    state: NodeState = NodeState.WAITING
    attempt: int = 0
    began_ms: int = 0
    took_ms: float | None = None
    note: str = ""
    #: Whether it is a map whose items are at work; it takes as long as they do.
    expanded: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """How an execution ended, or that it cannot: `failure` says why there is no result."""

    status: ExecutionState
    result: Any = None
    failure: SpaneError | None = None


class Watch:
    """The nodes of one execution, kept up to date by its events.

    A store that goes away is waited for: `away` says so meanwhile, and after `patience_s` it is raised.
    """

    def __init__(self, engine: Engine, execution: Execution[Any], *, patience_s: float = PATIENCE_S) -> None:
        self.execution = execution
        self.began_ms = engine.store.clock.now_ms()
        #: By node, in plan order; nothing before the first turn.
        self.rows: dict[str, Row] = {}
        self.compensates = False
        self.away: StoreUnavailable | None = None
        self._away_since = 0.0
        self._patience_s = patience_s
        self._store = engine.store
        self._events: list[Event] = []
        self._first = True
        self._seen = "-"

    def turns(self) -> Iterator[tuple[End | None, list[Event]]]:
        """Yield new events every tenth of a second, and with the last of them how the execution ended."""
        while True:
            try:
                end = self._turn()
            except StoreUnavailable as error:
                end = None
                self._wait_for(error)
            except (UnknownExecution, PlanGone):
                raise StoreError(
                    f"Execution {self.execution.id!r} is in the store no more: the store has lost data (is its persistence "
                    "on?), or the execution ended longer ago than SPANE_RETENTION_S."
                ) from None
            events, self._events = self._events, []
            yield end, events
            if end is not None:
                return

    def once_more(self) -> tuple[End | None, list[Event]]:
        """Take what came since the last turn: the events, and the end if it has come; nothing where the store is away."""
        self._events = []
        try:
            return self._turn(), self._events
        except StoreUnavailable as error:
            self.away = error
            return None, self._events

    def _turn(self) -> End | None:
        if not self.rows:
            views = self.execution.nodes().values()
            self.rows = {view.id: Row(view.state, view.attempt, view.since_ms or 0) for view in views}
        try:
            status = self.execution.wait(TURN_S)
        except ResultTimeout:
            status = None
        except ExecutionStalled as error:
            return End(self.execution.status(), failure=error)
        for event in self._new():
            self._events.append(event)
        if status is not None or self.away is not None:
            self._take_states()  # a store that was away may have lost its last second
        end = None if status is None else self._end(status)
        self.away = None
        return end

    def _end(self, status: ExecutionState) -> End:
        try:
            return End(status, self.execution.result())
        except StoreError:
            raise
        except SpaneError as error:
            return End(status, failure=error)

    def _wait_for(self, error: StoreUnavailable) -> None:
        now = time.monotonic()
        if self.away is None:
            self._away_since = now
        self.away = error
        if now - self._away_since > self._patience_s:
            raise StoreUnavailable(f"{error} It has been away for {self._patience_s:.0f} s; nobody waits any longer.")
        time.sleep(TURN_S)

    def _new(self) -> Iterator[Event]:
        source = self.execution.events() if self._first else stream.events(self._store, self._seen)
        for event in source:
            self._seen, self._first = event.id, False
            if event.execution == self.execution.id:
                self._take(event)
                yield event

    def _take(self, event: Event) -> None:
        if event.kind is EventKind.EXECUTION_STARTED:
            self.began_ms = event.at_ms
        self.compensates = self.compensates or event.kind is EventKind.EXECUTION_COMPENSATING
        # Like the items of a map, what undoes them is shown as one.
        node = program_of(event.node or "") if is_step(event.node or "") else event.node or ""
        row = self.rows.setdefault(node, Row()) if is_step(node) else self.rows.get(node)
        if row is not None:
            _move(row, event, event.data or {})

    def _take_states(self) -> None:
        """Take the states from the store: what was skipped or cancelled has no event of its own."""
        for view in self.execution.nodes().values():
            if view.id in self.rows:
                self.rows[view.id].state = view.state
            else:
                self.rows[view.id] = Row(view.state, view.attempt, view.since_ms or 0)

    def now_ms(self) -> int:
        """Return the time now, as far as this machine knows it."""
        return max(time.time_ns() // 1_000_000, self.began_ms)


def _move(row: Row, event: Event, data: dict[str, Any]) -> None:
    if event.attempt is not None:
        row.attempt = event.attempt
    match event.kind:
        case EventKind.NODE_CLAIMED:
            row.began_ms = row.began_ms if row.expanded else event.at_ms
            row.state, row.took_ms, row.note = NodeState.RUNNING, None, ""
        case EventKind.NODE_EXPANDED:
            row.expanded, row.note = True, f"0 of {data['total']:,}"
        case EventKind.NODE_SUCCEEDED | EventKind.NODE_CANCELLED:
            took_ms = event.at_ms - row.began_ms if row.expanded else data["duration_us"] / 1000
            row.state, row.took_ms, row.note, row.expanded = _ENDS[event.kind], took_ms, "", False
        case EventKind.NODE_FAILED:
            row.state, row.took_ms, row.note = NodeState.FAILED, data["duration_us"] / 1000, str(event.error)
        case EventKind.NODE_RETRYING:
            again = f"again in {data['delay_ms'] / 1000:.1f} s"
            row.state, row.note = NodeState.RETRYING, f"{again}: {event.error}"
        case EventKind.NODE_PARKED:
            row.state, row.note = NodeState.PARKED, data.get("reason", "")
        case EventKind.NODE_WAITING:
            row.state, row.note = NodeState.PARKED, data.get("awaits", "")
        case EventKind.EXECUTION_SIGNALLED:
            row.state, row.note = NodeState.QUEUED, ""
        case EventKind.NODE_LOST | EventKind.NODE_RETURNED:
            row.state, row.note = NodeState.QUEUED, _BACK[event.kind]
        case EventKind.NODE_PROGRESS:
            row.note = f"{data['done']:,} of {data['total']:,}" if data.get("total") else f"{data['done']:,}"
        case _:
            pass
