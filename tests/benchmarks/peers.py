"""Who is measured: how its workers are started, and how a shape is submitted to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from dramatiq import Message

import spane


@dataclass(frozen=True)
class Shape:
    """One kind of workflow: its nodes, and how many workflows make a batch of some seconds."""

    name: str
    nodes: int
    batch: int


SHAPES = (
    Shape("no-op", 1, 20_000),
    Shape("chain-10", 10, 2_000),
    Shape("diamond", 4, 3_000),
    Shape("fan-100", 102, 120),
    Shape("layered", 100, 100),
)


class Peer(Protocol):
    """One engine at one setting."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    share: float
    "How much of a shape's batch it gets, so that a repetition takes seconds and not minutes."

    def submit(self, shape: str, workflows: int) -> None:
        """Start so many workflows as fast as one producer can."""

    def submit_now(self, shape: str) -> None:
        """Start one workflow whose end is signalled at once."""

    def result_now(self, shape: str) -> None:
        """Start one workflow and return when its result is here; NotImplementedError where there is none to wait for."""


@dataclass
class PlainDramatiq:
    """Dramatiq with nothing on top: pipelines, groups, stored results."""

    name: str
    url: str
    threads: int
    prefetch: int | None = None
    processes: int = 2
    share: float = 0.4
    arguments: tuple[str, ...] = field(init=False)
    environment: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.arguments = ("tests.benchmarks.dramatiq_actors", *_counts(self.processes, self.threads))
        self.environment = {"BENCH_REDIS_URL": self.url}
        self._actors = import_module("tests.benchmarks.dramatiq_actors")  # it reads BENCH_REDIS_URL when imported
        if self.prefetch is not None:
            self.environment |= {"dramatiq_queue_prefetch": str(self.prefetch)}

    def submit(self, shape: str, workflows: int) -> None:
        start = self._starts()[shape]
        for _ in range(workflows):
            start()

    def submit_now(self, shape: str) -> None:
        if shape == "no-op":
            self._actors.noop_now.send()
        else:
            self.submit(shape, 1)

    def result_now(self, shape: str) -> None:
        raise NotImplementedError

    def _starts(self) -> dict[str, Callable[[], Message[Any] | None]]:
        actors = self._actors
        return {
            "no-op": actors.noop.send,
            "chain-10": actors.start_chain,
            "diamond": lambda: actors.fan.send(uuid.uuid4().hex, 2),
            "fan-100": lambda: actors.fan.send(uuid.uuid4().hex, 100),
            "layered": lambda: actors.next_layer.send(uuid.uuid4().hex, 0, 10, 10),
        }


class Spane:
    """SPANE under `dramatiq spane.worker`."""

    share = 2.0

    def __init__(self, name: str, url: str, threads: int, processes: int = 2) -> None:
        flows = import_module("tests.benchmarks.spane_flows")
        self.name = name
        self.arguments = ("spane.worker", "tests.benchmarks.spane_flows", *_counts(processes, threads))
        self.environment = {"SPANE_REDIS_URL": url, "SPANE_ALLOW_UNSAFE_REDIS": "persistence"}
        self._engine = spane.Engine(url)
        self._flows = {
            "no-op": flows.noop,
            "chain-10": flows.chain,
            "diamond": flows.diamond,
            "fan-100": flows.fan,
            "layered": flows.layered,
        }
        self._noop_now = flows.noop_now

    def submit(self, shape: str, workflows: int) -> None:
        flow = self._flows[shape]
        for start in range(0, workflows, 500):
            self._engine.start_many(flow, [{}] * min(500, workflows - start))

    def submit_now(self, shape: str) -> None:
        self._engine.start(self._noop_now if shape == "no-op" else self._flows[shape])

    def result_now(self, shape: str) -> None:
        self._engine.start(self._noop_now if shape == "no-op" else self._flows[shape]).result(timeout_s=30)


def _counts(processes: int, threads: int) -> tuple[str, ...]:
    return ("--processes", str(processes), "--threads", str(threads))
