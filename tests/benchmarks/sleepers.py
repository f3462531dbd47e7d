"""`python -m tests.benchmarks.sleepers`: executions that sleep, on a real Redis with one worker process.

asleep      what one of them costs: bytes in Redis, and resident memory of the worker
at once     they all come due at one instant: how long until the last of them is queued, and the longest fetch
spread      so many come due each second: how late they are queued, as a sampler sees the head of the timers
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spane import Engine, Workflow
from spane.settings import Settings
from tests.servers import RedisServer

MODULE = "tests.benchmarks.sleepers"
_PART = 10_000


def flow(seconds: float) -> Workflow[..., Any]:
    """Return a workflow that only sleeps."""
    nodes = [
        {
            "id": "nap",
            "type": "spane.sleep",
            "spane": {"options": {"delay_s": seconds}, "arguments": {"value": {"input": "n"}}},
        }
    ]
    return Workflow.from_definition({"id": f"nap_{seconds:g}", "nodes": nodes})


def start(engine: Engine, count: int, seconds: float) -> None:
    """Start executions that sleep for so long, a few thousand a call."""
    workflow = flow(seconds)
    for first in range(0, count, _PART):
        started = engine.start_many(workflow, [{"n": n} for n in range(first, min(first + _PART, count))])
        bad = [one for one in started if isinstance(one, Exception)]
        if bad:
            raise bad[0]


@contextmanager
def worker(url: str) -> Iterator[int]:
    """Run one worker process; yields the id of the process that runs nodes."""
    command = [sys.executable, "-m", "dramatiq", "spane.worker", MODULE, "-p", "1", "-t", "8"]
    process = subprocess.Popen(
        command, env={**os.environ, "SPANE_REDIS_URL": url}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            status = dict(
                line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line
            )
        except OSError:
            continue
        if folder.name == str(pid) or status.get("PPid") == str(pid):
            total += int(status.get("VmRSS", "0 kB").split()[0])
    return total / 1024


class Sampler(threading.Thread):
    """Looks at the head of the timers again and again: how late is what is due and not yet queued?"""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._client: Any = engine.store.client
        self._timers = engine.store.keys.timers
        self.late_ms: list[float] = []
        self.emptied_at = 0.0
        self.over = False

    def run(self) -> None:
        while not self.over:
            pipe = self._client.pipeline(transaction=False)
            pipe.time()
            pipe.zrange(self._timers, 0, 0, withscores=True)
            (seconds, micros), head = pipe.execute()
            now_ms = seconds * 1000 + micros / 1000
            if head:
                self.late_ms.append(max(0.0, now_ms - head[0][1]))
            elif not self.emptied_at:
                self.emptied_at = now_ms
            time.sleep(0.002)


def longest_fetch_us(engine: Engine) -> int:
    """Return the longest script in Redis's slow log, in microseconds."""
    return max((int(entry["duration"]) for entry in engine.store.client.slowlog_get(1000)), default=0)


def asleep(engine: Engine, url: str, count: int) -> None:
    client: Any = engine.store.client
    with worker(url) as pid:
        time.sleep(3)
        before, bytes_before = resident_mb(pid), client.info("memory")["used_memory"]
        start(engine, count, 86_400)
        time.sleep(3)
        each = (client.info("memory")["used_memory"] - bytes_before) / count
        print(
            f"asleep: {count:,} cost {each:.0f} B each in Redis; the worker has {before:.1f} MB, then {resident_mb(pid):.1f} MB"
        )
    client.flushdb()


def at_once(engine: Engine, url: str, count: int) -> None:
    client: Any = engine.store.client
    start(engine, count, 86_400)
    due_ms = int(time.time() * 1000) + 6_000
    for part in _parts(client.zrange(engine.store.keys.timers, 0, -1)):
        client.zadd(engine.store.keys.timers, dict.fromkeys(part, due_ms))
    with worker(url):
        time.sleep(max(0.0, due_ms / 1000 - time.time() - 1))
        client.slowlog_reset()
        sampler = Sampler(engine)
        sampler.start()
        while not sampler.emptied_at:
            time.sleep(0.01)
        sampler.over = True
        print(
            f"at once: {count:,} were queued {sampler.emptied_at - due_ms:.0f} ms after they were due; longest script "
            f"{longest_fetch_us(engine) / 1000:.1f} ms"
        )
    client.flushdb()


def spread(engine: Engine, url: str, count: int, a_second: int) -> None:
    client: Any = engine.store.client
    start(engine, count, 86_400)
    first_ms = int(time.time() * 1000) + 8_000
    for number, part in enumerate(_parts(client.zrange(engine.store.keys.timers, 0, -1))):
        times = {name: first_ms + (number * _PART + at) * 1000 / a_second for at, name in enumerate(part)}
        client.zadd(engine.store.keys.timers, {name: int(at) for name, at in times.items()})
    with worker(url):
        time.sleep(max(0.0, first_ms / 1000 - time.time() - 0.5))
        sampler = Sampler(engine)
        sampler.start()
        while not sampler.emptied_at:
            time.sleep(0.05)
        sampler.over = True
        late = sorted(sampler.late_ms)
        p50, p99 = (late[int(len(late) * share)] for share in (0.5, 0.99))
        print(f"spread: {count:,} at {a_second:,} a second: late p50 {p50:.1f}, p99 {p99:.1f}, most {late[-1]:.1f} ms")
    client.flushdb()


def _parts(members: list[bytes]) -> Iterator[list[bytes]]:
    for first in range(0, len(members), _PART):
        yield members[first : first + _PART]


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--a-second", type=int, default=10_000)
    given = parser.parse_args()
    with RedisServer() as server, Engine(settings=Settings(redis_url=server.url)) as engine:
        engine.store.client.config_set("slowlog-log-slower-than", 500)
        engine.store.client.config_set("slowlog-max-len", 1000)
        asleep(engine, server.url, given.count)
        at_once(engine, server.url, given.count)
        spread(engine, server.url, given.count, given.a_second)


if __name__ == "__main__":
    main()
