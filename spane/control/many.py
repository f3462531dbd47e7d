"""Verbs on many executions, and a look at all of them.

Those that a verb is meant for are given by their ids, or by a filter: of `workflow`, by its name or itself, `status`, `tenant`
and times of the start.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from spane.control import verbs
from spane.control.execution import Execution
from spane.control.listing import Filter, find
from spane.errors import InputError
from spane.model.state import ExecutionState
from spane.runtime import overview, pools
from spane.runtime.layout import ASYNC_SUFFIX, SUFFIXES
from spane.runtime.pools import LimitView
from spane.runtime.store import Store

T = TypeVar("T")

Ids = Iterable[str | Execution[Any]]
_E = ExecutionState


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is of what.

    `queues` has the nodes that are ready by queue and priority, `unfit` those that no worker has fitted yet by queue and
    fingerprint, `limits` those that have a rule or are in use. `running` counts nodes that workers hold, to run them or to work out the keys of their limits, `timers` all delays, retries and starts to come.
    """

    queues: dict[str, dict[int, int]]
    unfit: dict[str, int]
    running: int
    timers: int
    dead_letters: int
    sessions: int
    executions: int
    limits: dict[str, LimitView] = dataclasses.field(default_factory=dict)


def pause(store: Store, executions: Ids | None, which: dict[str, Any], reason: str) -> dict[str, int | Exception]:
    """Pause executions; see `Engine.pause_many`."""
    ids = _meant(store, "pause_many", executions, which, (_E.RUNNING, _E.SCHEDULED))
    return _by_id(ids, verbs.pause(store, ids, reason))


def resume(store: Store, executions: Ids | None, which: dict[str, Any]) -> dict[str, ExecutionState | Exception]:
    """Resume executions; see `Engine.resume_many`."""
    ids = _meant(store, "resume_many", executions, which, (_E.PAUSED,))
    return _by_id(ids, verbs.resume(store, ids))


def cancel(store: Store, executions: Ids | None, which: dict[str, Any], reason: str) -> dict[str, int | Exception]:
    """Cancel executions; see `Engine.cancel_many`."""
    ids = _meant(store, "cancel_many", executions, which, (_E.SCHEDULED, _E.RUNNING, _E.PAUSED, _E.FAILING))
    return _by_id(ids, verbs.cancel(store, ids, reason))


def stats(store: Store) -> Stats:
    """Return how much there is of what; see `Engine.stats`."""
    queues: dict[str, Counter[int]] = {}
    unfit: dict[str, int] = {}
    for lane, lengths in overview.queues(store).items():
        if "@" in lane:
            unfit[lane] = sum(lengths.values())
        else:
            # One that runs on the event loop, lost its worker or has a limit waits for the same workers.
            queues.setdefault(lane.rstrip(ASYNC_SUFFIX + "".join(SUFFIXES.values())), Counter()).update(lengths)
    return Stats(
        {name: dict(lengths) for name, lengths in queues.items()},
        unfit,
        **overview.counts(store),
        limits=pools.limits(store),
    )


def _meant(
    store: Store, verb: str, executions: Ids | None, which: dict[str, Any], usual: Sequence[ExecutionState]
) -> list[str]:
    """Return the ids of the executions that a verb is meant for; without a status, those that stand as `usual`."""
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
    return [one.execution for one in find(store, Filter(**{"status": usual, **given}))]


def _by_id(ids: Sequence[str], answers: Sequence[T | Exception]) -> dict[str, T | Exception]:
    return dict(zip(ids, answers, strict=True))
