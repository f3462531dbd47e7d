"""Workflows that are parked: asleep, waiting for an event, or delayed on a queue that nobody reads."""

from __future__ import annotations

from typing import Any

from spane import node, sleep, wait_for_event, workflow


@node
def go_on(value: Any) -> None:
    """Do nothing."""


@node(queue="unread")
def stay_queued(value: Any) -> None:
    """Never run: its queue has no worker, so it shows when a transition queued it."""


@workflow
def asleep(number: int) -> None:
    return go_on(sleep(number, 86_400))


@workflow
def expecting(number: int) -> None:
    return go_on(wait_for_event("go", Any))


@workflow
def unread(number: int) -> None:
    return stay_queued.options(delay_s=86_400)(number)
