"""Run schedules on a client, and say what failed so that it can be run again."""

from __future__ import annotations

import os
from collections.abc import Callable

import redis

from spane.errors import StoreError
from tests.invariants import report
from tests.property.judging import judge
from tests.property.world import Result, Schedule, World, make_store
from tests.replay import Violation

_USUAL = 200


def schedules_wanted() -> int:
    """Return how many schedules a test run tries: SPANE_TEST_SCHEDULES, or a few hundred."""
    return int(os.environ.get("SPANE_TEST_SCHEDULES", _USUAL))


class Runner:
    """Runs one schedule after the other on one store, with `mutate(script, text)` applied to its scripts."""

    def __init__(
        self, client: redis.Redis, *, functions: bool = True, mutate: Callable[[str, str], str] | None = None
    ) -> None:
        self._store, self._clock = make_store(client, functions=functions, mutate=mutate)
        self._epoch_ms = self._clock.ms

    def run(self, schedule: Schedule) -> Result:
        """Run a schedule on an empty store. An error of a script is a violation as well: it leaves half a step."""
        self._clock.ms = self._epoch_ms
        world = World(self._store, schedule, self._clock)
        try:
            world.run()
            return Result(judge(world), world.faults, world.calls, world.order())
        except StoreError as error:
            broken = Violation("I13", "", f"a script failed half-way: {error}")
            return Result([broken], world.faults, world.calls, "")

    def assert_holds(self, schedule: Schedule) -> None:
        """Fail with what was violated and the schedule as it goes into the corpus."""
        result = self.run(schedule)
        assert not result.violations, (
            f"{report(result.violations)}\nFaults by step: {result.faults}\n"
            f"Again: python -m tests.property --seed {schedule.seed}; for corpus.json: {schedule.as_json()}"
        )
