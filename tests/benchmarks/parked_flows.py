"""Workflows that are parked: asleep, waiting for an event or a limit, delayed on a queue that nobody reads; and a map."""

from __future__ import annotations

import time
from typing import Any

from spane import Limit, node, sleep, wait_for_event, workflow


@node
def go_on(value: Any) -> None:
    """Do nothing."""


@node(queue="unread")
def stay_queued(value: Any) -> None:
    """Never run: its queue has no worker, so it shows when a transition queued it."""


@node(limit=1)
def hold(seconds: float) -> None:
    """Hold the only slot of its type."""
    time.sleep(seconds)


@node(limit=1)
def pass_through() -> tuple[float, float]:
    """Tell when this ran, one after the other."""
    began = time.time()
    return began, time.time()


@node(limit=Limit(concurrency=1, key="customer"))
def serve(customer: str) -> float:
    """Tell when this ran; those of one customer run one after the other."""
    began = time.time()
    time.sleep(0.01)
    return began


@node
def numbers(count: int) -> list[int]:
    return list(range(count))


@node
def double(number: int) -> int:
    return number * 2


@node
def add_up(values: list[int]) -> int:
    return sum(values)


@workflow
def mapped(count: int) -> int:
    return add_up(double.map(numbers(count)))


@workflow
def limited(seconds: float) -> None:
    return hold(seconds)


@workflow
def handed_on() -> tuple[float, float]:
    return pass_through()


@workflow
def served(customer: str) -> float:
    return serve(customer)


@workflow
def asleep(number: int) -> None:
    return go_on(sleep(number, 86_400))


@workflow
def expecting(number: int) -> None:
    return go_on(wait_for_event("go", Any))


@workflow
def unread(number: int) -> None:
    return stay_queued.options(delay_s=86_400)(number)
