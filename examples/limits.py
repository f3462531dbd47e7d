"""Limits: how many run at once, how many start in a second, one order per customer at a time.

A shop charges cards through a bank that takes two calls at once, mails at most twenty letters a second, and works on one
order of a customer at a time; stock is taken by one execution at a time. What has to wait is parked in the store; no worker waits for it.

Run it here, on the embedded store:

    python examples/limits.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.limits
    python examples/limits.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from spane import Engine, Execution, Limit, Workflow, node, workflow


class Span(NamedTuple):
    """What was done, from when to when."""

    what: str
    began: float
    ended: float


def worked(what: str, seconds: float) -> Span:
    began = time.time()
    time.sleep(seconds)
    return Span(what, began, time.time())


@node(limit=2)
def charge(order: int) -> Span:
    return worked(f"order {order}", 0.05)


@node(limit="20/second")
def mail(letter: int) -> int:
    return letter


@node(limit=Limit(concurrency=1, key="customer"))
def fulfil_order(customer: str, order: int) -> Span:
    return worked(f"order {order} of {customer}", 0.05)


@workflow
def paying(order: int) -> Span:
    return charge(order)


@workflow
def writing(letter: int) -> int:
    return mail(letter)


@workflow
def ordering(customer: str, order: int) -> Span:
    return fulfil_order(customer, order)


@node
def count_shelves(day: str) -> Span:
    return worked(f"shelves of {day}", 0.02)


@workflow(limit=1)
def taking_stock(day: str) -> Span:
    return count_shelves(day)


def results(engine: Engine, flow: Workflow[..., Any], inputs: list[dict[str, Any]]) -> list[Any]:
    """Start them all, and return their results."""
    started = engine.start_many(flow, inputs)
    return [one.result(timeout_s=30) for one in started if isinstance(one, Execution)]


def at_once(spans: list[Span]) -> int:
    """Return how many ran at once at most."""
    steps = sorted([(began, 1) for _, began, _ in spans] + [(ended, -1) for _, _, ended in spans])
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def in_turn(spans: list[Span]) -> Iterator[tuple[Span, Span]]:
    """Yield each with the one that began next."""
    return pairwise(sorted(spans, key=lambda span: span.began))


def main(engine: Engine) -> list[str]:
    """Return what happened."""
    told = []
    charges = results(engine, paying, [{"order": number} for number in range(8)])
    told.append(f"8 charges, {at_once(charges)} at once")
    began = time.monotonic()
    results(engine, writing, [{"letter": number} for number in range(30)])
    told.append(f"30 letters took {'more' if time.monotonic() - began >= 1 else 'less'} than a second")
    orders = [{"customer": customer, "order": number} for customer in ("ada", "bob") for number in range(3)]
    spans = results(engine, ordering, orders)
    apart = all(first.ended <= second.began for part in (spans[:3], spans[3:]) for first, second in in_turn(part))
    told.append(f"orders of a customer {'one after the other' if apart else 'mixed up'}")
    days = results(engine, taking_stock, [{"day": day} for day in ("Monday", "Tuesday", "Friday")])
    told.append(f"stock is taken {at_once(days)} at a time")
    limit = engine.limits()["charge"]
    told.append(f"charge: {limit.concurrency} at once, {limit.held} held, {limit.waiting} waiting")
    return told


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
