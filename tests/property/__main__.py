"""`python -m tests.property --count 20000`: run many schedules, shrink what fails, and put it into the corpus."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from tests.invariants import report
from tests.property.running import Runner
from tests.property.shrinking import shrink
from tests.property.world import Schedule
from tests.servers import RedisServer

CORPUS = Path(__file__).with_name("corpus.json")


def main() -> int:
    """Run what the arguments ask for; the exit code is 1 if anything was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.property", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run only this seed")
    parser.add_argument("--faults", type=float, default=Schedule(0).fault_rate, help="how many steps meet a fault")
    parser.add_argument("--keep", action="store_true", help="put what fails into corpus.json")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.count) if given.seed is None else range(given.seed, given.seed + 1)
    with RedisServer(appendonly="no") as server:
        failed = _run_all(Runner(server.client()), [Schedule(seed, fault_rate=given.faults) for seed in seeds])
    if given.keep and failed:
        corpus = json.loads(CORPUS.read_text()) + [json.loads(schedule.as_json()) for schedule in failed]
        CORPUS.write_text("[\n" + ",\n".join(f" {json.dumps(entry)}" for entry in corpus) + "\n]\n")
    return 1 if failed else 0


def _run_all(runner: Runner, schedules: list[Schedule]) -> list[Schedule]:
    failed, orders, faults, calls, began = [], set(), Counter[str](), 0, time.monotonic()
    for number, schedule in enumerate(schedules, 1):
        result = runner.run(schedule)
        orders.add(result.order)
        faults.update(result.faults.values())
        calls += result.calls
        if result.violations:
            small = shrink(schedule, runner.run)
            failed.append(small)
            shown = runner.run(small)
            print(f"{report(shown.violations)}\n  faults by step: {shown.faults}\n  {small.as_json()}", flush=True)
        if number % 1000 == 0 or number == len(schedules):
            pace = number / (time.monotonic() - began)
            print(
                f"{number} schedules, {len(failed)} failed, {pace:.0f}/s, {calls} calls, {len(orders)} orders",
                flush=True,
            )
    print("Faults: " + ", ".join(f"{count} {kind}" for kind, count in faults.most_common()))
    return failed


if __name__ == "__main__":
    sys.exit(main())
