"""The transitions keep the invariants in every order of calls and faults, and a transition with a fault in it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.property.mutants import MUTANTS, Mutant
from tests.property.running import Runner, schedules_wanted
from tests.property.shrinking import shrink
from tests.property.world import Schedule
from tests.servers import RedisServer, binary_or_skip

CORPUS = [Schedule.from_json(entry) for entry in json.loads(Path(__file__).with_name("corpus.json").read_text())]
#: Schedules in one test, so that each ends well within the time limit.
_PART = 50
#: A mutant that so many schedules do not find lives.
_MUTANT_PATIENCE = 400


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    with RedisServer(binary_or_skip(), appendonly="no") as server:
        yield server.client()


@pytest.fixture
def runner(client) -> Runner:
    return Runner(client)


@pytest.mark.redis
@pytest.mark.parametrize("first", range(0, schedules_wanted(), _PART))
def test_invariants_hold_in_any_order_of_calls_and_faults(runner, first):
    for seed in range(first, min(first + _PART, schedules_wanted())):
        runner.assert_holds(Schedule(seed))


@pytest.mark.redis
@pytest.mark.parametrize("schedule", CORPUS, ids=lambda schedule: f"seed{schedule.seed}")
def test_what_failed_once_holds(runner, schedule):
    runner.assert_holds(schedule)


def test_invariants_hold_on_the_store_in_memory():
    fakeredis = pytest.importorskip("fakeredis")
    runner = Runner(fakeredis.FakeRedis(protocol=2), functions=False)
    for seed in range(20):
        runner.assert_holds(Schedule(seed))


@pytest.mark.redis
def test_a_schedule_comes_out_the_same_twice(runner):
    first, second = runner.run(Schedule(11)), runner.run(Schedule(11))
    assert first.order == second.order
    assert first.calls == second.calls


@pytest.mark.redis
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_fault_in_a_transition_is_found(client, mutant: Mutant):
    changed: list[str] = []
    runner = Runner(client, mutate=mutant.applied(changed))
    assert changed, "the text that this mutant changes is gone; write it anew"
    assert _first_found(runner, mutant.shape) is not None, f"{mutant.name!r} lived through {_MUTANT_PATIENCE} schedules"


@pytest.mark.redis
def test_a_failing_schedule_is_shrunk_to_what_makes_it_fail(client):
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "resync finds nothing")
    runner = Runner(client, mutate=mutant.applied([]))
    failing = _first_found(runner)
    small = shrink(failing, runner.run, tries=60)
    assert runner.run(small).violations
    assert len(runner.run(small).faults) < len(runner.run(failing).faults)
    assert small.executions <= failing.executions


def _first_found(runner: Runner, shape: str | None = None) -> Schedule | None:
    for seed in range(_MUTANT_PATIENCE):
        schedule = Schedule(seed, shape)
        # A script that cannot run at all (I13) is a mutant written badly, not one found.
        if any(violation.invariant != "I13" for violation in runner.run(schedule).violations):
            return schedule
    return None
