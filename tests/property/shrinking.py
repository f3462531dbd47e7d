"""Make a failing schedule small: fewer executions, workers, steps and faults, as long as it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.property.world import Result, Schedule


def shrink(schedule: Schedule, run: Callable[[Schedule], Result], *, tries: int = 200) -> Schedule:
    """Return the smallest schedule found that still violates the same invariant."""
    wanted = {violation.invariant for violation in run(schedule).violations}
    left = tries
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _smaller(schedule, run(schedule)):
            left -= 1
            if wanted & {violation.invariant for violation in run(candidate).violations}:
                schedule, smaller = candidate, True
                break
            if left <= 0:
                break
    return schedule


def _smaller(schedule: Schedule, result: Result) -> Iterator[Schedule]:
    faults = sorted(result.faults)
    if schedule.executions > 1:
        yield replace(schedule, executions=1)
    if faults and max(faults) + 1 < schedule.steps:
        yield replace(schedule, steps=max(faults) + 1)
    if schedule.steps > 1:
        yield replace(schedule, steps=schedule.steps // 2)
    for size in (len(faults) // 2, len(faults) // 4):
        for first in range(0, len(faults), size or 1):
            if size > 1:
                yield replace(schedule, without=tuple(sorted({*schedule.without, *faults[first : first + size]})))
    for step in faults:
        yield replace(schedule, without=tuple(sorted({*schedule.without, step})))
    for workers in range(1, schedule.workers):
        yield replace(schedule, workers=workers)
