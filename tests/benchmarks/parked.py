"""Measure what waiting costs: `python -m tests.benchmarks.parked --help`.

All on one redis-server of its own and one `dramatiq spane.worker` of two processes:

start     executions begun by one `start_many`, each asleep at once, and what they leave in Redis and in the workers
idle      what two idle workers ask of Redis a second while executions are parked: asleep, waiting for an event or for a
          limit, paused
instant   sleepers that come due at one instant: how long until the last of them is queued
spread    sleepers that come due evenly, 10,000 a second: how late each is queued
map       one map over a long list: how long it takes, its longest call with Redis on a core of its own, and what it costs
          the workers
slot      nodes that wait for the one slot of their type: how long from the end of one to the beginning of the next
key       a node whose limit goes by a key, right behind a backlog of another key that no worker has looked at: how long
          until it runs
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import redis

from spane import Engine
from tests.benchmarks import processes

_PAGE = 2_000
_IDLE_S = 10.0


class Parked:
    """One run: its servers, and the figures that it prints as they come."""

    def __init__(self, engine: Engine, client: redis.Redis, server_pid: int, workers_pid: int, scale: float) -> None:
        from tests.benchmarks import parked_flows  # noqa: PLC0415 - its nodes belong to the worker

        self.engine = engine
        self.client = client
        self.flows = parked_flows
        self._server = server_pid
        self._workers = workers_pid
        self._scale = scale
        self._cores = "the core that all share"

    def start(self) -> None:
        """Start executions in one call, each asleep at once."""
        count = self._count(100_000)
        redis_before, workers_before = self._redis_bytes(), self._workers_kib()
        began = time.perf_counter()
        started = self.engine.start_many(self.flows.asleep, [{"number": number} for number in range(count)])
        seconds = time.perf_counter() - began
        assert not [one for one in started if isinstance(one, Exception)]
        time.sleep(5)
        self._print(
            f"start: {count:,} executions in {seconds:.2f} s ({count / seconds:,.0f}/s); "
            f"{(self._redis_bytes() - redis_before) / count:,.0f} bytes of Redis each; "
            f"workers {(self._workers_kib() - workers_before) / 1024:+.1f} MiB in all"
        )

    def idle(self) -> None:
        """Count what idle workers ask for while executions are parked in four ways."""
        each = self._count(10_000) // 4
        self.engine.start(self.flows.limited, {"seconds": 60 + each / 200})
        for flow, inputs in (
            (self.flows.asleep, {"number": 0}),
            (self.flows.expecting, {"number": 0}),
            (self.flows.limited, {"seconds": 0}),
            (self.flows.asleep, {"number": 0}),
        ):
            started = self.engine.start_many(flow, [inputs] * each)
        for one in started:
            assert not isinstance(one, Exception)
            one.pause("parked")
        self._until("all are parked", lambda: not self._queued("default"))
        time.sleep(8)
        before, now = self._commands(), time.monotonic()
        time.sleep(_IDLE_S)
        after, took = self._commands(), time.monotonic() - now
        asked = {name: (after[name] - before.get(name, 0)) / took for name in after}
        shown = ", ".join(
            f"{name} {rate:.1f}" for name, rate in sorted(asked.items(), key=lambda one: -one[1]) if rate >= 0.1
        )
        self._print(
            f"idle: {4 * each:,} parked; {sum(asked.values()):.1f} commands a second from two idle workers ({shown})"
        )

    def instant(self) -> None:
        """Let sleepers come due at one instant."""
        late = self._come_due(self._count(100_000), lambda number: 0)
        self._print(
            f"instant: {len(late):,} due at once; the last was queued {late[-1]:,.0f} ms later, the median "
            f"{statistics.median(late):,.0f} ms"
        )

    def spread(self) -> None:
        """Let sleepers come due evenly, 10,000 a second."""
        late = self._come_due(self._count(50_000), lambda number: number // 10)
        self._print(
            f"spread: {len(late):,} due at 10,000 a second; queued late by p50 {late[len(late) // 2]:.0f} ms, "
            f"p99 {late[len(late) * 99 // 100]:.0f} ms, at most {late[-1]:.0f} ms"
        )

    def slot(self) -> None:
        """Hand one slot on from node to node."""
        started = self.engine.start_many(self.flows.handed_on, [{}] * self._count(2_000))
        ran = sorted(one.result(timeout_s=60) for one in started if not isinstance(one, Exception))
        gaps = sorted((after[0] - before[1]) * 1000 for before, after in itertools.pairwise(ran))
        assert gaps[0] > 0, "two of them ran at once"
        self._print(
            f"slot: handed on {len(gaps):,} times; from the end of one node to the beginning of the next p50 "
            f"{gaps[len(gaps) // 2]:.1f} ms, p99 {gaps[len(gaps) * 99 // 100]:.1f} ms"
        )

    def key(self) -> None:
        """Queue a backlog of one key, and right behind it one node of another, while the workers stand still."""
        count = self._count(20_000)
        with processes.stopped(self._workers):
            self.engine.start_many(self.flows.served, [{"customer": "ada"}] * count)
            other = self.engine.start(self.flows.served, {"customer": "bob"})
            unseen = self._queued("default?") + self._queued("default")
        at = time.time()
        late = other.result(timeout_s=120) - at
        self._until("all were looked at", lambda: not self._queued("default?"))
        self._print(
            f"key: {unseen:,} nodes that nobody had looked at, the last of another key than all before it; that ran "
            f"{late * 1000:,.0f} ms after the workers went on"
        )

    def map(self) -> None:
        """Map a node over a long list.

        Redis has a core of its own here: else its longest call is what the scheduler took from it, 4 ms for a plain HMGET of
        six fields.
        """
        self._separate()
        count = self._count(100_000)
        self.client.config_set("slowlog-log-slower-than", 1_000)
        self.client.slowlog_reset()
        before = peak = self._workers_kib()
        began = time.perf_counter()
        execution = self.engine.start(self.flows.mapped, {"count": count})
        while not execution.status().ended:
            peak = max(peak, self._workers_kib())
            time.sleep(0.1)
        seconds = time.perf_counter() - began
        assert execution.result() == count * (count - 1)
        slow: Any = self.client.slowlog_get(1_000)
        longest = sorted((call["duration"] / 1000 for call in slow), reverse=True)[:5] or [0.0]
        self._print(
            f"map: {count:,} items in {seconds:.1f} s ({count / seconds:,.0f}/s); longest calls "
            f"{', '.join(f'{each:.1f}' for each in longest)} ms on {self._cores}; workers {(peak - before) / 1024:+.1f} MiB at the most"
        )

    def _separate(self) -> None:
        """Give Redis a core of its own, on a machine that has a second one."""
        redis_core, *others = sorted(os.sched_getaffinity(0))
        if not others:
            return
        self._cores = "a core of its own"
        processes.keep_to(set(others), os.getpid())  # and all that it started
        processes.keep_to({redis_core}, self._server)

    def _come_due(self, count: int, after_ms: Callable[[int], int]) -> list[float]:
        """Put executions to sleep, move their timers to times of our own, and return how late each was queued, sorted."""
        started = self.engine.start_many(self.flows.unread, [{"number": 0}] * count)
        ids = [one.id for one in started if not isinstance(one, Exception)]
        timers = self.engine.store.keys.timers
        first_ms = round(time.time() * 1000) + 3_000 + count // 20
        due = {execution: first_ms + after_ms(number) for number, execution in enumerate(ids)}
        for first in range(0, count, _PAGE):
            page = ids[first : first + _PAGE]
            self.client.zadd(timers, {f"n|{execution}|stay_queued": due[execution] for execution in page}, xx=True)
        assert time.time() * 1000 < first_ms, "setting the timers took longer than it was given"
        time.sleep(max(0.0, due[ids[-1]] / 1000 - time.time()))
        self._until("all are queued", lambda: self._queued("unread") >= count)
        late: list[float] = []
        for first in range(0, count, _PAGE):
            pipe: Any = self.client.pipeline(transaction=False)
            page = ids[first : first + _PAGE]
            for execution in page:
                pipe.hget(self.engine.store.keys.execution(execution), "stay_queued")
            late += [
                int(text.split(b"|")[4]) - due[execution] for execution, text in zip(page, pipe.execute(), strict=True)
            ]
        return sorted(late)

    def _queued(self, queue: str) -> int:
        return int(self.client.llen(self.engine.store.keys.queue(queue, 5)))  # type: ignore[arg-type]

    def _commands(self) -> dict[str, int]:
        """Return how often each command was called that a client sends (scripts call others)."""
        told: Any = self.client.info("commandstats")
        sent = ("fcall", "blpop", "function|load")
        return {name: int(told[f"cmdstat_{name}"]["calls"]) for name in sent if f"cmdstat_{name}" in told}

    def _redis_bytes(self) -> int:
        told: Any = self.client.info("memory")
        return int(told["used_memory"])

    def _workers_kib(self) -> int:
        return processes.resident_kib(self._workers)

    def _count(self, usual: int) -> int:
        return max(30, round(usual * self._scale))

    def _until(self, what: str, holds: Callable[[], bool], timeout_s: float = 120.0) -> None:
        ends_at = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > ends_at:
                raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
            time.sleep(0.005)

    def _print(self, text: str) -> None:
        print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.parked", description=__doc__)
    kinds = ("start", "idle", "instant", "spread", "slot", "key", "map")
    parser.add_argument("kinds", nargs="*", default=kinds, help=f"which to measure, of {', '.join(kinds)}")
    parser.add_argument("--scale", type=float, default=1.0, help="makes all counts larger or smaller")
    given = parser.parse_args()
    with processes.redis_server() as server:
        environment = {"SPANE_REDIS_URL": server.url, "SPANE_ALLOW_UNSAFE_REDIS": "persistence"}
        os.environ.update(environment)
        arguments = (
            "spane.worker",
            "tests.benchmarks.parked_flows",
            "--processes",
            "2",
            "--threads",
            "8",
            "-Q",
            "default",
        )
        with (
            redis.Redis.from_url(server.url) as client,
            Engine(server.url) as engine,
            processes.workers(*arguments, environment=environment) as workers,
        ):
            run = Parked(engine, client, server.pid, workers.pid, given.scale)
            engine.start(run.flows.unread, {"number": 0})
            time.sleep(5)
            for kind in given.kinds:
                client.flushall()
                getattr(run, kind)()


if __name__ == "__main__":
    main()
