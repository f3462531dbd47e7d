"""The handle of one execution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

from spane.authoring.workflow import Workflow
from spane.control import reading, waiting
from spane.control.options import check_reason
from spane.control.reading import NodeView
from spane.control.waiting import Waiter
from spane.errors import IllegalTransition, UnknownExecution
from spane.model.event import Event
from spane.model.state import ExecutionState
from spane.runtime.store import Store

R = TypeVar("R")


class Execution(Generic[R]):
    """One run of a workflow: a handle by id, that asks the store at every call and keeps nothing."""

    def __init__(
        self, store: Store, waiter: Waiter, execution_id: str, workflow: Workflow[..., R] | None = None
    ) -> None:
        self.id = execution_id
        self.workflow = workflow
        self._store = store
        self._waiter = waiter

    def __repr__(self) -> str:
        return f"<execution {self.id}>"

    def status(self) -> ExecutionState:
        """Return where the execution stands."""
        return ExecutionState(self._store.status(self.id))

    def wait(self, timeout_s: float | None = None) -> ExecutionState:
        """Wait until the execution has ended, and return how.

        Raises:
            ResultTimeout: it has not ended in time; it goes on.
            StoreUnavailable: Redis does not answer when the time is over, or for 60 s where there is no time limit. A
                shorter absence, as for a restart, is waited out.
        """
        return waiting.for_end(self._store, self._waiter, self.id, timeout_s)

    def result(self, timeout_s: float | None = None) -> R:
        """Wait for the execution's end and return what its workflow returns.

        Raises:
            ExecutionFailed: a node used up its attempts; the message holds the user's own traceback.
            ExecutionCancelled: it was cancelled.
            ResultTimeout: it has not ended in time; it goes on.
            StoreUnavailable: as for `wait`.
        """
        patience = waiting.Patience(timeout_s)
        self.wait(timeout_s)
        raw = patience.ask(lambda: reading.result(self._store, self.id))
        if raw is None or self.workflow is None:
            return cast("R", reading.value_of(raw))
        return cast("R", self.workflow.decode_result(raw))

    def nodes(self) -> dict[str, NodeView]:
        """Return where every node stands, in plan order."""
        return reading.nodes(self._store, self.id)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of all nodes that succeeded, as plain JSON values by node id."""
        return reading.outputs(self._store, self.id)

    def cancel(self, reason: str = "") -> int:
        """Cancel the execution; nothing new starts. Returns how many attempts are still running and may finish."""
        check_reason(reason)
        code, detail = self._store.cancel(self.id, reason)
        if code == "unknown":
            raise UnknownExecution(self.id)
        if code == "illegal":
            raise IllegalTransition(self.id, "cancel", detail.decode())
        return int(detail)

    def events(self, *, follow: bool = False) -> Iterator[Event]:
        """Yield the execution's events, oldest first; with `follow`, as they come until its terminal one."""
        return waiting.follow(self._store, self._waiter, self.id) if follow else reading.events(self._store, self.id)
