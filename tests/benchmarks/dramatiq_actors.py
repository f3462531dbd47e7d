"""The shapes in plain Dramatiq, with what it offers itself: pipelines, groups with completion callbacks, stored results.

`BENCH_REDIS_URL` says where. A group's members know their message ids beforehand, so that the join can read the
results; that is all a user can do without a library on top.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import dramatiq
from dramatiq import group, pipeline
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend as BarrierBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend as ResultBackend

from tests.benchmarks import signals

URL = os.environ["BENCH_REDIS_URL"]

Value = dict[str, int]

broker = RedisBroker(url=URL)
results = ResultBackend(url=URL)
broker.add_middleware(Results(backend=results))
broker.add_middleware(GroupCallbacks(BarrierBackend(url=URL)))
dramatiq.set_broker(broker)


@dramatiq.actor
def noop() -> None:
    signals.count()


@dramatiq.actor
def noop_now() -> None:
    signals.done()


@dramatiq.actor
def step(value: Value) -> Value:
    return {"v": value["v"] + 1}


@dramatiq.actor
def last(value: Value) -> Value:
    signals.done()
    return {"v": value["v"] + 1}


def start_chain() -> None:
    pipeline([step.message({"v": 0}), *[step.message() for _ in range(8)], last.message()]).run()


@dramatiq.actor(store_results=True)
def member(value: Any) -> Value:
    return {"v": 1}


def members(run: str, layer: int, width: int, value: Any) -> list[dramatiq.Message[Any]]:
    """Return the messages of one layer, with ids that its reader can work out."""
    plain = member.message(value)
    return [dataclasses.replace(plain, message_id=f"{run}.{layer}.{index}") for index in range(width)]


def outputs(run: str, layer: int, width: int) -> list[Value]:
    return [results.get_result(message) for message in members(run, layer, width, None)]


@dramatiq.actor
def fan(run: str, width: int) -> Value:
    side_by_side = group(members(run, 0, width, {"v": 0}))
    side_by_side.add_completion_callback(join.message(run, width))
    side_by_side.run()
    return {"v": 0}


@dramatiq.actor
def join(run: str, width: int) -> Value:
    merged = outputs(run, 0, width)
    signals.done()
    return {"v": sum(each["v"] for each in merged)}


@dramatiq.actor
def next_layer(run: str, layer: int, depth: int, width: int) -> None:
    """Read the layer before and start this one with all of it; not counted as a node."""
    before = outputs(run, layer - 1, width) if layer else [{"v": 0}]
    if layer == depth:
        signals.done()
        return
    side_by_side = group(members(run, layer, width, before))
    side_by_side.add_completion_callback(next_layer.message(run, layer + 1, depth, width))
    side_by_side.run()
