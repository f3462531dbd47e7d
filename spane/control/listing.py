"""Find executions: by workflow, status, tenant and the time of their start."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from spane.authoring.workflow import Workflow
from spane.control.options import is_storable
from spane.errors import InputError, UnknownExecution
from spane.model.paths import shorten
from spane.model.state import ExecutionState
from spane.runtime import children, overview
from spane.runtime.store import Store

UNFINISHED = frozenset(state for state in ExecutionState if not state.ended)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which executions are meant. What is None does not matter; without a status, those that have not ended."""

    workflow: str | Workflow[..., Any] | None = None
    status: str | Collection[str] | None = None
    tenant: str | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    states: frozenset[ExecutionState] = field(init=False)

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {shorten(when)}; it is a datetime with a time zone."
            for name, when in (("started_after", self.started_after), ("started_before", self.started_before))
            if when is not None and (not isinstance(when, datetime) or when.tzinfo is None)
        ]
        name = self.workflow.name if isinstance(self.workflow, Workflow) else self.workflow
        problems += [
            f"{what} is {shorten(text)}; it is text."
            for what, text in (("workflow", name), ("tenant", self.tenant))
            if text is not None and not isinstance(text, str)
        ]
        several = isinstance(self.status, Iterable) and not isinstance(self.status, str)
        given: list[Any] = list(self.status or ()) if several or self.status is None else [self.status]
        unknown = [state for state in given if state not in list(ExecutionState)]
        problems += [f"status is {shorten(state)}; it is one of {', '.join(ExecutionState)}." for state in unknown]
        if problems:
            lines = "\n".join(f"  - {problem}" for problem in problems)
            raise InputError(f"Executions cannot be looked for so:\n{lines}", workflow="", problems=tuple(problems))
        object.__setattr__(self, "workflow", name)
        states = UNFINISHED if self.status is None else frozenset(map(ExecutionState, given))
        object.__setattr__(self, "states", states)

    def takes(self, listed: Listed) -> bool:
        """Tell whether an execution is meant."""
        return (
            listed.status in self.states
            and self.workflow in (None, listed.workflow)
            and self.tenant in (None, listed.tenant)
            and (self.started_after is None or listed.started_at_ms > self.started_after.timestamp() * 1000)
            and (self.started_before is None or listed.started_at_ms < self.started_before.timestamp() * 1000)
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list of executions."""

    execution: str
    workflow: str
    status: ExecutionState
    started_at_ms: int
    ended_at_ms: int | None = None
    tenant: str | None = None
    replay_of: str | None = None
    reason: str | None = None
    parent: str | None = None


def look(store: Store, execution: str) -> Listed:
    """Return the line of one execution; `UnknownExecution` if there is none."""
    found = list(_read(store, [execution])) if is_storable(execution) else []
    if not found:
        raise UnknownExecution(execution)
    return found[0]


def find_below(store: Store, execution: str) -> list[tuple[str, Listed]]:
    """Return the children of an execution that are kept, the oldest first, each with the node that runs it."""
    nodes = dict(children.of(store, execution))
    return [(nodes[one.execution], one) for one in _read(store, list(nodes))]


def find(store: Store, which: Filter, limit: int | None = None) -> list[Listed]:
    """Return the executions that are meant, the newest first, at most `limit` of them."""
    found = (listed for listed in _read(store, _ids(store, which)) if which.takes(listed))
    if limit is not None and (type(limit) is not int or limit < 0):
        problem = f"limit is {shorten(limit)}; it is a whole number, zero or more."
        raise InputError(f"Executions cannot be looked for so: {problem}", workflow="", problems=(problem,))
    if limit is None:
        return sorted(found, key=_age, reverse=True)
    return heapq.nlargest(limit, found, key=_age)


def _ids(store: Store, which: Filter) -> Iterable[str]:
    # Those that have not ended stand in an index; for the others there is none without a history.
    return overview.active(store) if which.states <= UNFINISHED else dict.fromkeys(overview.kept(store))


def _read(store: Store, ids: Iterable[str]) -> Iterator[Listed]:
    for execution, values in overview.fields(
        store, list(ids), "@st", "@wf", "@t0", "@t1", "@tn", "@of", "@why", "@pause", "@up"
    ):
        status, workflow, started, ended, tenant, of, why, pause, up = values
        yield Listed(
            execution,
            workflow or "",
            ExecutionState(status or ""),
            int(started or 0),
            int(ended) if ended else None,
            tenant or None,
            of,
            (pause if status == ExecutionState.PAUSED else why) or None,
            up.partition("|")[0] if up else None,
        )


def _age(listed: Listed) -> tuple[int, str]:
    return listed.started_at_ms, listed.execution
