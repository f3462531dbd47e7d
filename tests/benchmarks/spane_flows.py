"""The shapes as SPANE workflows; the last node of each signals."""

from __future__ import annotations

from spane import node, workflow
from tests.benchmarks import signals

Value = dict[str, int]


@node
def nothing() -> None:
    signals.count()


@node
def nothing_now() -> None:
    signals.done()


@node
def step(value: Value) -> Value:
    return {"v": value["v"] + 1}


@node
def last(value: Value) -> Value:
    signals.done()
    return {"v": value["v"] + 1}


@node
def both(left: Value, right: Value) -> Value:
    signals.done()
    return {"v": left["v"] + right["v"]}


@node
def layered_step(before: list[Value]) -> Value:
    return {"v": 1}


@node
def join(merged: list[Value]) -> Value:
    signals.done()
    return {"v": sum(each["v"] for each in merged)}


@workflow
def noop() -> None:
    return nothing()


@workflow
def noop_now() -> None:
    return nothing_now()


@workflow
def chain() -> Value:
    value = step.named("step_1")({"v": 0})
    for number in range(2, 10):
        value = step.named(f"step_{number}")(value)
    return last(value)


@workflow
def diamond() -> Value:
    first = step.named("first")({"v": 0})
    return both(step.named("left")(first), step.named("right")(first))


@workflow
def fan() -> Value:
    first = step.named("first")({"v": 0})
    return join([step.named(f"side_{number}")(first) for number in range(100)])


@workflow
def layered() -> Value:
    before: list[Value] = [{"v": 0}]
    for layer in range(10):
        before = [layered_step.named(f"node_{layer}_{number}")(before) for number in range(10)]
    return join(before)
