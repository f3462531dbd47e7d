"""Verbs on many executions, and looks at all of them: what an engine offers beside starting."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from spane.authoring.workflow import Workflow
from spane.control import verbs
from spane.control.execution import Execution
from spane.control.listing import Filter, find
from spane.errors import InputError
from spane.model.state import ExecutionState
from spane.runtime import overview, pools
from spane.runtime.pools import LimitView
from spane.runtime.store import Store

T = TypeVar("T")

Ids = Iterable[str | Execution[Any]]
_E = ExecutionState


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is of what.

    `queues` has the nodes that are ready by queue and priority, `unfit` those that no worker has fitted yet by queue and
    fingerprint, `limits` those that have a rule or are in use. `running` counts attempts that workers hold, `timers` all delays, retries and starts to come.
    """

    queues: dict[str, dict[int, int]]
    unfit: dict[str, int]
    running: int
    timers: int
    dead_letters: int
    sessions: int
    executions: int
    limits: dict[str, LimitView] = dataclasses.field(default_factory=dict)


class ManyExecutions:
    """An engine's verbs on many executions. A filter names `workflow` (or is given it), `status`, `tenant` and times of the start."""

    store: Store

    def _handle(self, execution_id: str, workflow: Workflow[..., Any] | None) -> Execution[Any]:
        raise NotImplementedError

    def _workflow(self, name: str) -> Workflow[..., Any] | None:
        raise NotImplementedError

    def executions(
        self,
        *,
        workflow: str | Workflow[..., Any] | None = None,
        status: str | Collection[str] | None = None,
        tenant: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        limit: int | None = None,
    ) -> list[Execution[Any]]:
        """Return executions, the newest first: those that have not ended or, with `status`, those that stand so.

        One that has ended is seen for as long as it is kept (SPANE_RETENTION_S, or longer by a dead letter). There is no
        index of those: asking for them walks the keys of the store.
        """
        which = Filter(workflow, status, tenant, started_after, started_before)
        return [self._handle(one.execution, self._workflow(one.workflow)) for one in find(self.store, which, limit)]

    def pause_many(
        self, executions: Ids | None = None, *, reason: str = "", **which: Any
    ) -> dict[str, int | Exception]:
        """Pause executions, by their ids or by a filter; `{id: attempts that may still end, or why it is not paused}`.

        A filter without a status takes those that are running or scheduled.
        """
        ids = self._meant("pause_many", executions, which, (_E.RUNNING, _E.SCHEDULED))
        return _by_id(ids, lambda: verbs.pause(self.store, ids, reason))

    def resume_many(self, executions: Ids | None = None, **which: Any) -> dict[str, ExecutionState | Exception]:
        """Resume executions, by their ids or by a filter; `{id: its status now, or why it is not resumed}`.

        A filter without a status takes those that are paused.
        """
        ids = self._meant("resume_many", executions, which, (_E.PAUSED,))
        return _by_id(ids, lambda: verbs.resume(self.store, ids))

    def cancel_many(
        self, executions: Ids | None = None, *, reason: str = "", **which: Any
    ) -> dict[str, int | Exception]:
        """Cancel executions, by their ids or by a filter; `{id: attempts that may still end, or why it is not cancelled}`.

        A filter without a status takes those that are scheduled, running, paused or failing.
        """
        ids = self._meant("cancel_many", executions, which, (_E.SCHEDULED, _E.RUNNING, _E.PAUSED, _E.FAILING))
        return _by_id(ids, lambda: verbs.cancel(self.store, ids, reason))

    def stats(self) -> Stats:
        """Return lengths of queues and how much runs, waits for its time, and failed for good."""
        queues: dict[str, Counter[int]] = {}
        unfit: dict[str, int] = {}
        for lane, lengths in overview.queues(self.store).items():
            if "@" in lane:
                unfit[lane] = sum(lengths.values())
            else:
                # One that runs on the event loop or lost its worker waits for the same workers.
                queues.setdefault(lane.rstrip("~!"), Counter()).update(lengths)
        return Stats(
            {name: dict(lengths) for name, lengths in queues.items()},
            unfit,
            **overview.counts(self.store),
            limits=self.limits(),
        )

    def limits(self) -> dict[str, LimitView]:
        """Return how limits stand: by node type, `@workflow`, or either with `/key`; `engine.limits()["charge"].waiting`."""
        return pools.limits(self.store)

    def _meant(
        self, verb: str, executions: Ids | None, which: dict[str, Any], usual: Sequence[ExecutionState]
    ) -> list[str]:
        known = [each.name for each in dataclasses.fields(Filter) if each.init]
        unknown = [name for name in which if name not in known]
        if unknown:
            raise TypeError(f"{verb}() has no filter {', '.join(unknown)}; it has {', '.join(known)}.")
        # A filter of nothing but None would mean everything.
        given = {name: value for name, value in which.items() if value is not None}
        if (executions is None) == (not given):
            problem = "name executions or a filter, one of the two; status='running' means all that run."
            raise InputError(f"{verb}() cannot be carried out so: {problem}", workflow="", problems=(problem,))
        if executions is not None:
            if isinstance(executions, str):
                raise TypeError(f"{verb}() takes a list of ids; for one of them write [{executions!r}].")
            ids = (one.id if isinstance(one, Execution) else one for one in executions)
            return list(dict.fromkeys(ids))
        return [one.execution for one in find(self.store, Filter(**{"status": usual, **given}))]


def _by_id(ids: Sequence[str], carry_out: Callable[[], list[T | Exception]]) -> dict[str, T | Exception]:
    return dict(zip(ids, carry_out(), strict=True))
