"""What one peer does with one shape: batches, latencies, and what they cost."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import redis

from tests.benchmarks import processes, signals
from tests.benchmarks.hop import Hop
from tests.benchmarks.peers import Peer, Shape

SCRIPT_COMMANDS = ("evalsha", "eval", "fcall")


@dataclass(frozen=True)
class Batch:
    """One repetition. `us_per_node` is CPU by who used it; `calls_per_node` counts what Redis ran, inside scripts too."""

    seconds: float
    submit_s: float
    nodes_per_s: float
    us_per_node: dict[str, float]
    scripts_per_node: float
    commands_per_node: float
    calls_per_node: dict[str, float]
    foreign: float


@dataclass(frozen=True)
class Latency:
    """Milliseconds from start to end, one workflow at a time."""

    shape: str
    mode: str
    samples: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Bench:
    """The servers of a run and how patiently it measures."""

    store: processes.Server
    signal_server: processes.Server
    client: redis.Redis
    repeats: int
    scale: float
    quiet_s: float

    def batch(self, peer: Peer, workers_pid: int, shape: Shape) -> Batch:
        """Time one batch of a shape, from the first submit to the last signal."""
        self.wait_for_quiet(workers_pid)
        self.warm(peer, shape)
        workflows = max(1, round(shape.batch * peer.share * self.scale))
        nodes = workflows * shape.nodes
        before, calls_before, machine_before = self._cpu(workers_pid), self._calls(), processes.machine_cpu_s()
        started = time.perf_counter()
        peer.submit(shape.name, workflows)
        submitted = time.perf_counter()
        seconds = signals.wait_for(workflows, timeout_s=300) - started
        window = time.perf_counter() - started
        own = {who: used - before[who] for who, used in self._cpu(workers_pid).items()}
        machine = processes.machine_cpu_s() - machine_before
        after = self._calls()
        calls = {name: count - calls_before.get(name, 0) for name, count in after.items() if name != "info"}
        return Batch(
            seconds=seconds,
            submit_s=submitted - started,
            nodes_per_s=nodes / seconds,
            us_per_node={who: used / nodes * 1e6 for who, used in own.items()},
            scripts_per_node=sum(calls.get(name, 0) for name in SCRIPT_COMMANDS) / nodes,
            commands_per_node=sum(calls.values()) / nodes,
            calls_per_node={
                name: round(count / nodes, 3) for name, count in sorted(calls.items()) if count / nodes >= 0.01
            },
            foreign=max(0.0, machine - sum(own.values())) / (window * (os.cpu_count() or 1)),
        )

    def batches(self, peer: Peer, workers_pid: int, shape: Shape) -> dict[str, Any]:
        """Return the medians of the repetitions."""
        runs = [asdict(self.batch(peer, workers_pid, shape)) for _ in range(self.repeats)]
        return {"peer": peer.name, "shape": shape.name, "repeats": self.repeats, **medians(runs)}

    def latency(self, peer: Peer | Hop, shape: str, mode: str, samples: int, pause_s: float = 0.0) -> Latency:
        """Time single workflows from start to signal; with `mode` "result" to the result in the caller's hands."""
        taken: list[float] = []
        start: Callable[[str], None] = peer.result_now if mode == "result" else peer.submit_now
        for _ in range(samples):
            time.sleep(pause_s)
            signals.reset()
            started = time.perf_counter()
            start(shape)
            if mode != "result":
                signals.wait_for_one()
            taken.append((time.perf_counter() - started) * 1e3)
        taken.sort()
        return Latency(
            shape, mode, samples, statistics.median(taken), taken[min(len(taken) - 1, round(0.99 * (len(taken) - 1)))]
        )

    def warm(self, peer: Peer, shape: Shape) -> None:
        """Run some workflows, so that nothing has backed off; then forget their signals."""
        signals.reset()
        few = max(5, 200 // shape.nodes)
        peer.submit(shape.name, few)
        signals.wait_for(few, timeout_s=60)
        signals.reset()

    def wait_for_quiet(self, workers_pid: int, at_most: float = 0.12) -> None:
        """Wait, for a while, until others leave the machine alone."""
        deadline = time.monotonic() + self.quiet_s
        while time.monotonic() < deadline:
            machine, own, started = processes.machine_cpu_s(), sum(self._cpu(workers_pid).values()), time.perf_counter()
            time.sleep(0.5)
            others = processes.machine_cpu_s() - machine - (sum(self._cpu(workers_pid).values()) - own)
            if others / ((time.perf_counter() - started) * (os.cpu_count() or 1)) <= at_most:
                return

    def _cpu(self, workers_pid: int) -> dict[str, float]:
        driver = sum(os.times()[:2])
        return {
            "redis": processes.cpu_s(self.store.pid),
            "workers": processes.cpu_s(workers_pid),
            "driver": driver,
            "signals": processes.cpu_s(self.signal_server.pid),
        }

    def _calls(self) -> dict[str, int]:
        stats: dict[str, Any] = self.client.info("commandstats")  # type: ignore[assignment]
        return {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()}


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each figure of several runs, by figure and inside dictionaries by key."""
    merged: dict[str, Any] = {}
    for name, first in runs[0].items():
        if isinstance(first, dict):
            keys = {key for run in runs for key in run[name]}
            merged[name] = {key: statistics.median(run[name].get(key, 0) for run in runs) for key in sorted(keys)}
        else:
            merged[name] = statistics.median(run[name] for run in runs)
    return merged
