"""The handle of one execution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from spane.authoring.registry import Registry
from spane.authoring.workflow import Workflow
from spane.control import explaining, one_node, reading, replaying, signalling, verbs, waiting
from spane.control.explaining import Explanation
from spane.control.views import NodeView
from spane.control.waiting import Waiter
from spane.model.event import Event
from spane.model.state import ExecutionState
from spane.runtime import children, endings
from spane.runtime.store import Store

R = TypeVar("R")


class Execution(Generic[R]):
    """One run of a workflow: a handle by id, that asks the store at every call and keeps nothing."""

    def __init__(
        self,
        store: Store,
        waiter: Waiter,
        registry: Registry,
        execution_id: str,
        workflow: Workflow[..., R] | None = None,
    ) -> None:
        self.id = execution_id
        self._store = store
        self._waiter = waiter
        self._registry = registry
        self._workflow = workflow

    def __repr__(self) -> str:
        return f"<execution {self.id}>"

    @property
    def workflow(self) -> Workflow[..., R] | None:
        """The workflow that it runs, None where this process has not registered that."""
        if self._workflow is None:
            name = self._store.fields(self.id, "@wf")[0]
            self._workflow = None if name is None else self._registry.workflow(name)
        return self._workflow

    def _other(self, execution_id: str, workflow: Workflow[..., Any] | None = None) -> Execution[Any]:
        return Execution(self._store, self._waiter, self._registry, execution_id, workflow)

    def status(self) -> ExecutionState:
        """Return where the execution stands."""
        return ExecutionState(self._store.status(self.id))

    def wait(self, timeout_s: float | None = None) -> ExecutionState:
        """Wait until the execution has ended, and return how.

        Raises:
            ResultTimeout: it has not ended in time; it goes on.
            ExecutionStalled: in memory, nothing of it runs or is due when the time is over; without a time, at once. The
                message says what it waits for.
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
            ExecutionStalled: as for `wait`.
            StoreUnavailable: as for `wait`.
        """
        patience = waiting.Patience(timeout_s)
        self.wait(timeout_s)
        raw = patience.ask(lambda: endings.result(self._store, self.id))
        if raw is None or self.workflow is None:
            return cast("R", reading.value_of(raw))
        return cast("R", self.workflow.decode_result(raw))

    def nodes(self) -> dict[str, NodeView]:
        """Return where every node stands, in plan order."""
        return reading.nodes(self._store, self.id)

    def explain(self) -> Explanation:
        """Return why the execution waits, and the cause for each node that is not done; `print` it for sentences.

        >>> execution.explain().nodes["charge"].kind
        'timer'
        """
        return explaining.explain(self._store, self.id)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of all nodes that succeeded, as plain JSON values by node id."""
        return reading.outputs(self._store, self.id)

    def pause(self, reason: str = "") -> int:
        """Pause the execution: nothing new starts until it is resumed, even if nothing is left to do.

        Returns how many attempts may still end; what they release waits for the resume. Timers run on, and what comes due
        waits as well.

        Raises:
            UnknownExecution: it is past its retention.
            IllegalTransition: it has ended, is ending, or is paused.
        """
        return verbs.only(verbs.pause(self._store, [self.id], reason))

    def resume(self) -> ExecutionState:
        """Resume the paused execution and return its status now: it may end at once, if nothing was left to do."""
        return verbs.only(verbs.resume(self._store, [self.id]))

    def cancel(self, reason: str = "") -> int:
        """Cancel the execution; nothing new starts. Returns how many attempts are still running and may finish."""
        return verbs.only(verbs.cancel(self._store, [self.id], reason))

    def signal(self, name: str, data: Any = None, *, key: str | None = None) -> bool:
        """Send an event to the node that waits for it by `wait_for_event`, with its data.

        Returns True if a node takes it now. Otherwise it is kept, and False is returned: the next node that waits for the
        event takes it. Several are taken in the order in which they came.

        Args:
            name: the event, as the workflow names it.
            data: plain values, or a model; it must fit the type that the wait was given.
            key: a signal with the same key is sent once, however often it is asked for.

        Raises:
            UnknownExecution: it is past its retention.
            IllegalTransition: it has ended, or is cancelled.
            UnknownEvent: no node of it waits for an event of that name; the message lists those that are waited for.
            SignalRefused: the data is no JSON, too large, or not of the type that is waited for.
            StoreUnavailable: Redis does not answer.
        """
        return signalling.signal(self._store, self.id, self.workflow, name, data, key)

    def replay(
        self,
        from_node: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        deadline_s: float | None = None,
    ) -> Execution[R]:
        """Start another execution of the same plan with the same inputs, and return it; this one stays as it is.

        Args:
            from_node: runs this node and all below it again. Results of the other nodes are kept; those that have none run.
            inputs: take the place of inputs of the same names. Results that are kept were made from the old ones.
            deadline_s: seconds after its beginning when the replay fails; without it, as many as the original had.

        Raises:
            UnknownExecution: it is past its retention.
            InputError: there is no such node, or the inputs or the deadline do not fit.
        """
        new = replaying.replay(
            self._store, self.id, self.workflow, from_node=from_node, inputs=inputs, deadline_s=deadline_s
        )
        return self._other(new, self.workflow)

    def run_node(self, node_id: str, inputs: Mapping[str, Any] | None = None) -> Execution[Any]:
        """Run one node of this execution by itself, as an execution of its own whose result is the node's.

        Args:
            node_id: the node. Nothing below it runs, and no branch that it stands in is asked.
            inputs: values by the names of its parameters; without them, it takes the results that are stored here.

        Raises:
            UnknownExecution: this execution is past its retention.
            InputError: there is no such node, inputs do not fit it, or nodes before it have not finished.

        >>> execution.run_node("charge", {"order": {"id": 7}}).result(timeout_s=30)
        """
        new = one_node.of_execution(self._store, self.id, self.workflow, node_id, inputs)
        return self._other(new.execution, new.workflow)

    @property
    def replay_of(self) -> str | None:
        """The id of the execution that this one replays, or runs one node of; None for any other."""
        return self._store.fields(self.id, "@of")[0]

    @property
    def parent(self) -> Execution[Any] | None:
        """The execution that runs this one as a sub-workflow, None if nobody does."""
        up = self._store.fields(self.id, "@up")[0]
        return None if up is None else self._other(up.partition("|")[0])

    def children(self) -> list[Execution[Any]]:
        """Return the executions that nodes of this one run as sub-workflows, the oldest first, ended or not."""
        return [self._other(child) for child, _ in children.of(self._store, self.id)]

    def events(self, *, follow: bool = False) -> Iterator[Event]:
        """Yield the execution's events, oldest first; with `follow`, as they come until its terminal one."""
        return waiting.follow(self._store, self._waiter, self.id) if follow else reading.events(self._store, self.id)
