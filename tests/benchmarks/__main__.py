"""Run the benchmark: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import redis

from tests.benchmarks import processes, signals, table
from tests.benchmarks.hop import Hop, answering
from tests.benchmarks.measure import Bench
from tests.benchmarks.peers import SHAPES, Peer, PlainDramatiq, Spane

TUNED = "dramatiq tuned"


def peers(url: str, threads: int) -> dict[str, Callable[[], Peer]]:
    """Return how to make each peer; SPANE is imported only when it is measured."""
    return {
        "tuned": lambda: PlainDramatiq(TUNED, url, threads=4, prefetch=100),
        "default": lambda: PlainDramatiq("dramatiq default", url, threads=8),
        "spane": lambda: Spane("spane", url, threads=threads),
    }


def measure(bench: Bench, peer: Peer, options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a peer's batches and latencies."""
    bench.client.flushall()
    with processes.workers(*peer.arguments, environment=peer.environment) as started:
        bench.warm(peer, next(shape for shape in SHAPES if shape.name in options.shapes))
        batches = []
        for shape in SHAPES:
            if shape.name in options.shapes:
                batches.append(bench.batches(peer, started.pid, shape))
                say(f"{peer.name}: {shape.name} {batches[-1]['nodes_per_s']:,.0f} nodes/s")
        latencies = measure_latency(bench, peer, ("no-op", "chain-10"), options) if options.latency else []
    return batches, latencies


def measure_latency(
    bench: Bench, peer: Peer | Hop, shapes: Iterable[str], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return how long one workflow takes at a time: back to back, after a pause, and to its result."""
    latencies: list[dict[str, Any]] = []
    for shape in shapes:
        for mode, samples, pause_s in (
            ("warm", 100, 0.0),
            ("idle", options.idle_samples, options.idle_s),
            ("result", 20, 0.1),
        ):
            try:
                latencies.append({"peer": peer.name, **asdict(bench.latency(peer, shape, mode, samples, pause_s))})
            except NotImplementedError:
                continue
            say(f"{peer.name}: {shape} {mode} p50 {latencies[-1]['p50_ms']:.1f} ms")
    return latencies


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    names = [shape.name for shape in SHAPES]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure SPANE beside plain Dramatiq."
    )
    parser.add_argument(
        "--peers", nargs="+", choices=["tuned", "default", "spane"], default=["tuned", "default", "spane"]
    )
    parser.add_argument("--shapes", nargs="+", choices=names, default=names)
    parser.add_argument("--repeats", type=int, default=3, help="repetitions of which the median counts")
    parser.add_argument("--scale", type=float, default=1.0, help="makes all batches larger or smaller")
    parser.add_argument("--threads", type=int, default=8, help="threads in each of SPANE's two worker processes")
    parser.add_argument("--append-only", choices=["no", "everysec", "always"], default="no")
    parser.add_argument("--no-latency", dest="latency", action="store_false")
    parser.add_argument("--idle-samples", type=int, default=12)
    parser.add_argument("--idle-s", type=float, default=3.0, help="pause before each idle sample")
    parser.add_argument(
        "--quiet-s", type=float, default=10.0, help="how long to wait for others to leave the machine alone"
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse()
    with processes.redis_server(options.append_only) as store, processes.redis_server() as signal_server:
        os.environ["BENCH_REDIS_URL"] = store.url
        os.environ[signals.PORT_VARIABLE] = str(signal_server.port)
        with redis.Redis.from_url(store.url) as client:
            bench = Bench(store, signal_server, client, options.repeats, options.scale, options.quiet_s)
            version = client.info("server")["redis_version"]  # type: ignore[index]
            makers = peers(store.url, options.threads)
            measured = [measure(bench, makers[name](), options) for name in options.peers]
            if options.latency:
                with answering() as hop:
                    measured.append(([], measure_latency(bench, hop, ["no node"], options)))
    batches = [row for rows, _ in measured for row in rows]
    latencies = [row for _, rows in measured for row in rows]
    print(
        f"\nRedis {version}, append-only {options.append_only}, {os.cpu_count()} cores, two worker processes, medians of {options.repeats}\n"
    )
    print(table.batches(batches, TUNED))
    if latencies:
        print("\n" + table.latencies(latencies))
    if options.json:
        figures = {
            "redis": version,
            "append_only": options.append_only,
            "cores": os.cpu_count(),
            "batches": batches,
            "latencies": latencies,
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
