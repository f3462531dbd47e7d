"""Nodes and workflows of the flows. They run in this process and in workers, so they tell what they saw by files.

What a node saw stands in `<folder>/<execution>.jsonl`; a gate is a file that a test creates to let nodes go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from spane import (
    Breaker,
    Context,
    Failure,
    Limit,
    Parents,
    Retry,
    RetryLater,
    Route,
    Skip,
    Unrecoverable,
    coalesce,
    current,
    node,
    repeat_until,
    switch,
    use,
    when,
    workflow,
)

FOLDER = "SPANE_FLOWS_FOLDER"
#: How long a node waits for a gate before it gives up; a test that forgets one fails instead of hanging.
PATIENCE_S = 20.0
QUICK = Retry(attempts=3, base_s=0.02)


def folder() -> Path:
    return Path(os.environ[FOLDER])


def saw(context: Context, **what: Any) -> None:
    line = {"node": context.node, "attempt": context.attempt, "pid": os.getpid(), "at": time.time(), **what}
    with (folder() / f"{context.execution}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def wait_for(gate: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while not gate.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"nobody opened {gate.name}")
        time.sleep(0.002)


# Data.


@node
def receive(data: Any, context: Context = current()) -> Any:
    saw(context, value=data)
    return data


@node
def relay(value: Any, context: Context = current()) -> Any:
    saw(context, value=value, type=type(value).__name__)
    return value


@workflow
def relaying(value: Any) -> Any:
    return relay.named("child")(relay.named("parent")(value))


@node
def after(value: Any, seconds: float) -> Any:
    time.sleep(seconds)
    return value


@node
def merge(parents: Parents, context: Context = current()) -> dict[str, Any]:
    saw(context, value=dict(parents))
    return dict(parents)


@workflow
def merging(seconds: list[float]) -> dict[str, Any]:
    return merge(
        Parents.of(
            after.named("a")("from a", seconds[0]),
            after.named("b")("from b", seconds[1]),
            after.named("c")("from c", seconds[2]),
        )
    )


@node
def recall(value: Any, context: Context = current()) -> Any:
    return [context.result("first"), context.results["second"], "later" in context.results]


@workflow
def ancestry(value: Any) -> Any:
    second = relay.named("second")(relay.named("first")(value))
    return recall(relay.named("third")({"third": second}))


@node
def spoil(value: list[Any], context: Context = current()) -> int:
    value.append("spoilt")
    saw(context, value=value)
    return len(value)


@workflow
def spoiling(value: list[Any]) -> Any:
    source = relay.named("source")(value)
    spoilt = spoil.named("spoils")(source)
    return [spoilt, relay.options(after=[spoilt]).named("reads_later")(source)]


# Joins.


@node
def meet(place: str, of: int, context: Context = current()) -> str:
    """End at the same moment as the others that meet here."""
    here = folder() / place
    here.mkdir(exist_ok=True)
    (here / context.node).touch()
    until = time.monotonic() + PATIENCE_S
    while len(list(here.iterdir())) < of:
        if time.monotonic() > until:
            raise TimeoutError(f"nobody else came to {place}")
    return context.node


@node
def gather(first: Any, second: Any, context: Context = current()) -> list[Any]:
    saw(context, value=[first, second])
    return [first, second]


@workflow
def meeting(place: str) -> list[str]:
    return gather(meet.named("left")(place, 2), meet.named("right")(place, 2))


@workflow
def racing(place: str) -> dict[str, str]:
    return {name: meet.named(name)(place, 4) for name in ("one", "two", "three", "four")}


@node
def gated(gate: str, context: Context = current()) -> str:
    saw(context)
    wait_for(folder() / gate)
    return gate


@workflow
def held(gate: str) -> list[Any]:
    return gather(gated(gate), relay.named("quick")("quick"))


@workflow
def handed(gate: str) -> Any:
    return relay.named("child")(gated(gate))


@workflow
def mixing(number: int, seconds: float) -> list[Any]:
    return gather(after.named("slow")(number, seconds), relay.named("quick")(number))


@node(queue="doomed")
def survive(gate: str, context: Context = current()) -> int:
    """Take this whole worker process down, the first time."""
    saw(context)
    first = folder() / gate
    if not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return context.attempt


@workflow
def surviving(gate: str) -> Any:
    return relay.options(queue="doomed").named("child")(survive(gate))


# Retries.


class Declined(Exception):
    pass


@node
def fail_until(attempt: int, context: Context = current()) -> int:
    saw(context)
    if context.attempt < attempt:
        raise ConnectionError(f"attempt {context.attempt} failed")
    return context.attempt


@workflow
def by_default(attempt: int) -> Any:
    return relay.named("child")(fail_until(attempt))


_fixed = Retry(attempts=4, backoff="fixed", base_s=0.03)
_exponential = Retry(attempts=4, base_s=0.02)
_jittered = Retry(attempts=4, backoff="fixed", base_s=0.1, jitter=0.5)


@workflow
def backoffs(attempt: int) -> list[int]:
    return [
        fail_until.options(retry=_fixed).named("fixed")(attempt),
        fail_until.options(retry=_exponential).named("exponential")(attempt),
        fail_until.options(retry=_jittered).named("jittered")(attempt),
    ]


@workflow
def quickly(attempt: int) -> Any:
    return relay.named("child")(fail_until.options(retry=QUICK)(attempt))


@node(retry=Retry(attempts=5, base_s=0.01))
def give_up(reason: str, context: Context = current()) -> str:
    saw(context)
    raise Unrecoverable(reason)


@workflow
def giving_up(reason: str) -> Any:
    return relay.named("child")(give_up(reason))


@node(retry=Retry(attempts=5, base_s=0.01, give_up_on=Declined))
def decline(card: str, context: Context = current()) -> str:
    saw(context)
    raise Declined(card)


@workflow
def declining(card: str) -> str:
    return decline(card)


@node(retry=QUICK, on_failure="continue")
def insured(value: str) -> str:
    raise LookupError(f"no insurance for {value}")


@node
def without(value: str, insurance: str = "none", context: Context = current()) -> dict[str, Any]:
    error = context.errors["insured"]
    return {"insurance": insurance, "error": error.message, "type": error.type, "attempt": error.attempt}


@workflow
def continuing(value: str) -> dict[str, Any]:
    return without(value, insured(value))


@node(retry=Retry(attempts=1))
def ask_later(gate: str, context: Context = current()) -> int:
    saw(context)
    asked = folder() / gate
    if not asked.exists():
        asked.touch()
        raise RetryLater(0.05, "busy")
    return context.attempt


@workflow
def asking_later(gate: str) -> int:
    return ask_later(gate)


# Times.


@node(timeout_s=0.15, retry=Retry(attempts=2, base_s=0.01))
def overrun(context: Context = current()) -> str:
    saw(context)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        pass
    return "too late"


@node(timeout_s=0.15, retry=Retry(attempts=2, base_s=0.01))
async def overrun_async(context: Context = current()) -> str:
    saw(context)
    await asyncio.sleep(PATIENCE_S)
    return "too late"


@workflow
def overrunning() -> str:
    return overrun()


@workflow
def overrunning_async() -> str:
    return overrun_async()


@node(timeout_s=0.1, retry=Retry(attempts=2, base_s=0.01))
def return_late(gate: str, context: Context = current()) -> str:
    """Swallow what interrupts it, and return long after its time."""
    saw(context)
    if context.attempt > 1:
        return "second"
    until = time.monotonic() + PATIENCE_S
    while not (folder() / gate).exists() and time.monotonic() < until:
        with contextlib.suppress(BaseException):
            time.sleep(0.005)
    saw(context, returned=True)
    return "first"


@workflow
def returning_late(gate: str) -> str:
    return return_late(gate)


@node(timeout_s=0.1, retry=Retry(attempts=2, base_s=0.01))
async def return_late_async(gate: str, context: Context = current()) -> str:
    saw(context)
    if context.attempt > 1:
        return "second"
    until = time.monotonic() + PATIENCE_S
    while not (folder() / gate).exists() and time.monotonic() < until:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.005)
    saw(context, returned=True)
    return "first"


@workflow
def returning_late_async(gate: str) -> str:
    return return_late_async(gate)


@node(delay_s=0)
def at_once(value: int) -> int:
    return value


@workflow
def without_delay(value: int) -> int:
    return at_once(relay(value))


# What goes wrong otherwise.


@node(retry=QUICK)
def leave(code: int, context: Context = current()) -> None:
    saw(context)
    raise SystemExit(code)


@workflow
def leaving(code: int) -> None:
    return leave(code)


class Upheaval(BaseException):
    pass


@node(retry=QUICK)
def revolt(text: str, context: Context = current()) -> None:
    saw(context)
    raise Upheaval(text)


@node(retry=QUICK)
async def revolt_async(text: str, context: Context = current()) -> None:
    saw(context)
    raise Upheaval(text)


@workflow
def revolting(text: str) -> None:
    return revolt(text)


@workflow
def revolting_async(text: str) -> None:
    return revolt_async(text)


ENDINGS = {"SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}


@node(retry=QUICK, timeout_s=10)
async def end_in_time(error: str, context: Context = current()) -> None:
    saw(context)
    raise ENDINGS[error](error)


@node(retry=QUICK)
async def end_a_task(error: str, context: Context = current()) -> None:
    saw(context)

    async def task() -> None:
        await asyncio.sleep(0)
        raise ENDINGS[error](error)

    await asyncio.gather(task())


@node(retry=QUICK)
async def stop_the_loop(value: str, context: Context = current()) -> str:
    saw(context)
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.01)
    return value


@node
async def relay_async(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@workflow
def ending_in_time(error: str) -> None:
    return end_in_time(error)


@workflow
def ending_a_task(error: str) -> None:
    return end_a_task(error)


@workflow
def stopping_the_loop(value: str) -> str:
    return stop_the_loop(value)


@workflow
def relaying_async(value: Any) -> Any:
    return relay_async.named("child")(relay_async.named("parent")(value))


@node
def strange(context: Context = current()) -> Any:
    saw(context)
    return {"given": [1, object()]}


@workflow
def unserialisable() -> Any:
    return strange()


@node
def many_bytes(mebibytes: int) -> str:
    return "x" * (mebibytes * 1024 * 1024)


@node
def count_bytes(text: str) -> int:
    return len(text)


@workflow
def large(mebibytes: int) -> int:
    return count_bytes(many_bytes(mebibytes))


@node
def wants_number(number: int, context: Context = current()) -> int:
    saw(context)
    return number


@workflow
def mismatched(value: Any) -> int:
    return wants_number(relay(value))


@workflow
def handed_elsewhere(gate: str) -> Any:
    """Wait for a gate on a queue that only a test's own workers read."""
    return relay.options(queue="doomed").named("child")(gated.options(queue="doomed")(gate))


# Resources.


async def async_pool() -> AsyncIterator[dict[str, Any]]:
    """Open on the event loop, and say so when it closes there."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    yield {"loop": id(loop), "pid": os.getpid()}
    await asyncio.sleep(0)
    (folder() / f"closed-{os.getpid()}").write_text(str(asyncio.get_running_loop() is loop))


@node
async def borrow_async(key: str, pool: Any = use(async_pool)) -> list[Any]:
    return [key, pool["loop"] == id(asyncio.get_running_loop()), pool["pid"] == os.getpid()]


@node
def borrow(key: str, pool: Any = use(async_pool)) -> list[Any]:
    return [key, pool["pid"] == os.getpid()]


@workflow
def borrowing(key: str) -> list[Any]:
    return [borrow_async(key), borrow(key), borrow_async.named("again")(key)]


# Branches.


@node
def choose(to: list[str], context: Context = current()) -> Route[str]:
    saw(context, value=to)
    return Route(*to, value="chosen")


@node
def taken(value: str | None = None, other: str | None = "nothing", context: Context = current()) -> str:
    saw(context, value=value, other=other)
    return f"{context.node} of {value}"


@workflow
def routing(to: list[str]) -> Any:
    chosen = choose(to)
    left = taken.named("left")(chosen)
    right = taken.named("right")(chosen)
    return taken.named("end")(taken.named("below_left")(left), right)


@node
def sizes(n: int, context: Context = current()) -> int:
    saw(context)
    return n


@node
def shape(n: int, context: Context = current()) -> str | None:
    saw(context)
    return None if n == 0 else f"size {n}"


@workflow
def sorting(n: int) -> list[Any]:
    size = sizes(n)
    with when(size > 10) as large:
        big = shape.named("big")(size)
    with large.otherwise():
        small = shape.named("small")(size)
    return [coalesce(big, small), coalesce(taken.named("only_big")(big), default=None), size]


@workflow
def switching(n: int) -> str | None:
    size = sizes(n)
    with switch(size) as case:
        with case.case(1):
            one = shape.named("one")(size)
        with case.case(2):
            two = shape.named("two")(size)
            below = taken.named("below_two")(two)
    return coalesce(one, below, default="neither")


@node
def pass_by(reason: str, context: Context = current()) -> str:
    saw(context)
    raise Skip(reason)


@workflow
def passing_by(reason: str) -> str:
    passed = pass_by(reason)
    return taken.named("alone")(coalesce(passed, default="a default"), taken.named("fed")(passed))


# Control.


@node
def gated_value(value: Any, gate: str, context: Context = current()) -> Any:
    saw(context, value=value)
    wait_for(folder() / gate)
    return value


@workflow
def steps(gate: str) -> list[Any]:
    """Two nodes side by side, one of them held by a gate, and one after each."""
    held_back = relay.named("after_held")(gated_value.named("held")("held", gate))
    return [held_back, relay.named("after_quick")(relay.named("quick")("quick"))]


@node(delay_s=1.0)
def late(value: Any, context: Context = current()) -> Any:
    saw(context, value=value)
    return value


@workflow
def delaying(value: Any) -> Any:
    return late(relay(value))


@node(retry=Retry(attempts=2, base_s=0.01))
def mended(value: Any, gate: str, context: Context = current()) -> Any:
    """Fail until somebody has opened the gate."""
    saw(context, value=value)
    if not (folder() / gate).exists():
        raise Declined(f"not before {gate} is open")
    return value


@workflow
def choosing_beside(to: list[str], gate: str) -> list[Any] | None:
    chosen = choose(to)
    beside = mended(1, gate)
    return [taken.named("chosen")(chosen), taken.named("joined")(chosen, beside)]


@workflow
def choosing_behind_a_branch(n: int) -> str | None:
    chosen = choose(["joined"])
    with when(sizes(n) > 10):
        joined = taken.named("joined")(chosen)
    return coalesce(joined, default=None)


@workflow
def mending(value: Any, gate: str) -> list[Any]:
    source = relay.named("source")(value)
    return gather(relay.named("child")(mended(source, gate)), relay.named("beside")(source))


@node(retry=Retry(attempts=2, base_s=0.01))
def fail_after(gate: str, context: Context = current()) -> None:
    """Fail as soon as the gate is open, and not before."""
    saw(context)
    wait_for(folder() / gate)
    raise Declined("too late")


@workflow
def failing_late(gate: str) -> Any:
    return relay.named("child")(fail_after(gate))


@workflow
def alone(gate: str) -> str:
    return gated(gate)


# Sub-workflows.


@workflow
def packing(value: Any, gate: str = "") -> Any:
    return relay.named("inner")(held_open(value, gate))


@node
def held_open(value: Any, gate: str, context: Context = current()) -> Any:
    saw(context, value=value, parent=context.parent, depth=context.depth)
    if gate:
        wait_for(folder() / gate)
    return value


@workflow
def shipping(value: Any, gate: str = "") -> Any:
    return relay.named("shipped")(packing(value, gate))


@workflow
def around(value: Any, gate: str = "") -> Any:
    return relay.named("outer")(shipping(value, gate))


@workflow
def breaking(cure: str) -> Any:
    return relay.named("mended")(break_unless.options(retry=Retry(attempts=1))(cure))


@node
def break_unless(cure: str, context: Context = current()) -> str:
    saw(context)
    if not (folder() / cure).exists():
        raise ValueError("it is broken")
    return "whole"


@workflow
def over_breaking(cure: str) -> Any:
    return relay.named("outer")(breaking(cure))


@workflow
def without_breaking(cure: str) -> Any:
    return relay.named("outer")(breaking.options(on_failure="continue")(cure))


@node
def add_one(number: int, limit: int, context: Context = current()) -> int:
    saw(context, number=number)
    if number >= limit and not (folder() / f"cure-{limit}").exists():
        raise Unrecoverable("it is too large")
    return number + 1


@workflow
def one_more(number: int, limit: int) -> int:
    return add_one(number, limit)


@workflow
def counting(number: int, to: int, limit: int = 1_000) -> int:
    return relay.named("counted")(repeat_until(one_more, number, lambda n: n >= to, max_iterations=5, limit=limit))


@workflow
def two_ends(value: Any) -> None:
    relay.named("left")(value)
    relay.named("right")(value)


@workflow
def around_two_ends(value: Any) -> Any:
    return relay.named("outer")(two_ends(value))


@node
def spin(gate: str, context: Context = current()) -> None:
    saw(context)
    try:
        while True:
            time.sleep(0.005)
    finally:
        saw(context, ended=True, cancelled=context.cancelled, reason=context.cancel_reason)


@node
def poll(gate: str, context: Context = current()) -> str:
    """Look whether it is to stop, and end in its own time."""
    saw(context)
    while not context.cancelled:
        time.sleep(0.005)
    time.sleep(0.3)
    saw(context, reason=context.cancel_reason)
    return context.cancel_reason


@node
async def wait_long(gate: str, context: Context = current()) -> None:
    saw(context)
    try:
        await asyncio.sleep(PATIENCE_S)
    except asyncio.CancelledError as error:
        saw(context, cancelled=context.cancelled, reason=str(error))
        raise


@workflow
def stopping(gate: str) -> list[Any]:
    return [relay.named("child")(spin(gate)), poll(gate), wait_long(gate)]


# Limits and order.


def overlap(context: Context, gate: str, seconds: float = 0.0) -> None:
    """Tell when it runs, and run until the gate is open, or for some seconds."""
    saw(context, value="begin")
    if gate:
        wait_for(folder() / gate)
    time.sleep(seconds)
    saw(context, value="end")


@node(limit=3, retry=Retry(attempts=2, base_s=0.01))
def three_at_once(number: int, seconds: float, gate: str, context: Context = current()) -> int:
    overlap(context, gate, seconds)
    return number


@workflow
def three_of(numbers: int, seconds: float = 0.02, gate: str = "") -> list[int]:
    return [three_at_once.named(f"n{number}")(number, seconds, gate) for number in range(12)]


@node(limit="20/second")
def twenty_a_second(number: int, context: Context = current()) -> int:
    saw(context, value="begin")
    return number


@workflow
def twenty_of(number: int) -> list[int]:
    return [twenty_a_second.named(f"n{each}")(number) for each in range(50)]


@node(limit="20/second")
async def twenty_async(number: int, context: Context = current()) -> int:
    saw(context, value="begin")
    return number


@workflow
def twenty_of_async(number: int) -> list[int]:
    return [twenty_async.named(f"n{each}")(number) for each in range(50)]


@node(limit=Limit(concurrency=1, key="order.customer"))
def one_per_customer(order: dict[str, Any], gate: str = "", context: Context = current()) -> Any:
    overlap(context, gate)
    return order["customer"]


@workflow
def ordering(order: dict[str, Any], gate: str = "") -> Any:
    return relay(one_per_customer(order, gate))


@node(limit=Limit(concurrency=1, key="order.customer"))
async def one_per_customer_async(order: dict[str, Any], gate: str = "", context: Context = current()) -> Any:
    await asyncio.to_thread(overlap, context, gate)
    return order["customer"]


@workflow
def ordering_async(order: dict[str, Any], gate: str = "") -> Any:
    return relay(one_per_customer_async.named("one_per_customer")(order, gate))


@node(limit=1, queue="doomed")
def kill_while_limited(gate: str, context: Context = current()) -> str:
    saw(context, value="begin")
    if not (folder() / gate).exists():
        (folder() / gate).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return gate


@workflow
def killing_while_limited(gate: str) -> str:
    return kill_while_limited(gate)


@node(retry=Retry(attempts=1))
def ask_the_bank(number: int, gate: str, context: Context = current()) -> int:
    """Be told once to come back in a second."""
    saw(context, value=number)
    if not (folder() / gate).exists():
        (folder() / gate).touch()
        context.rate_limited(1.0)
    return number


@workflow
def asking_the_bank(number: int, gate: str) -> int:
    return ask_the_bank(number, gate)


@workflow(limit=2)
def two_at_once(gate: str) -> str:
    return gated(gate)


@workflow(limit=Limit(concurrency=1, key="customer"))
def one_at_a_time(customer: str, gate: str) -> str:
    return gated(gate)


@workflow
def serving(first: dict[str, str], second: dict[str, str]) -> list[str]:
    served = [one_at_a_time.named("first")(first["customer"], first["gate"])]
    return [*served, one_at_a_time.named("second")(second["customer"], second["gate"])]


@node(limit=1)
def take_turns(label: str, gate: str, context: Context = current()) -> str:
    saw(context, label=label)
    if gate:
        wait_for(folder() / gate)
    return label


@workflow
def turn_taking(label: str, gate: str) -> str:
    """Two nodes after each other that share one slot with those of other executions."""
    return take_turns.named("second")(take_turns.named("first")(label, gate), gate)


# Failure policies.

ONCE = Retry(attempts=1)


@node(retry=Retry(attempts=2, base_s=0.01))
def unreserve(order: int, output: str, gate: str = "", context: Context = current()) -> None:
    saw(context, order=order, output=output, cancelled=context.cancelled, key=context.idempotency_key)
    if gate:
        wait_for(folder() / gate)


@node(undo=unreserve)
def reserve(order: int, gate: str = "") -> str:
    return f"reserved {order}"


@node(retry=Retry(attempts=2, base_s=0.01))
def refund(receipt: str, context: Context = current()) -> None:
    saw(context, receipt=receipt)
    if receipt == "stuck" and not (folder() / f"{context.execution}.mended").exists():
        raise ConnectionError("the bank is closed")


async def uncharge(receipt: str, context: Context = current()) -> None:
    saw(context, receipt=receipt)


@node(undo=refund)
def charge(card: str, reserved: str) -> str:
    return "stuck" if card == "stuck" else f"charged {card} for {reserved}"


@node(undo=uncharge)
async def charge_later(reserved: str) -> str:
    return f"later {reserved}"


@node(retry=ONCE)
def ship(how: str, receipt: str, context: Context = current()) -> str:
    saw(context, receipt=receipt)
    if how == "broken" and not (folder() / f"{context.execution}.road").exists():
        raise LookupError("no truck")
    if how not in ("broken", "well"):
        wait_for(folder() / how)
    return receipt


@workflow
def buying(order: int, card: str, how: str, gate: str = "") -> list[str]:
    reserved = reserve(order, gate)
    return [ship(how, charge(card, reserved)), charge_later(reserved)]


@node
def notify(failure: Failure, how: str, context: Context = current()) -> None:
    error = failure.error
    told = {"of": failure.node, "type": error.type, "message": error.message, "workflow": failure.workflow, "how": how}
    saw(context, **told, same=failure.execution == context.execution)


@workflow(on_failure=notify)
def telling(how: str) -> str:
    return ship(how, "parcel")


@node(retry=ONCE)
def mute(failure: Failure, context: Context = current()) -> None:
    saw(context)
    raise RuntimeError("nobody can be told")


@workflow(on_failure=mute)
def telling_nobody(how: str) -> str:
    return ship(how, "parcel")


@node(retry=ONCE, on_failure="skip")
def wrap(paper: str) -> str:
    if paper == "none":
        raise LookupError("no paper")
    return paper


@node
def tie(wrapped: str = "bare", context: Context = current()) -> str:
    saw(context, wrapped=wrapped)
    return f"tied {wrapped}"


@node
def hand_over(order: str, parcel: str | None, context: Context = current()) -> list[str | None]:
    return [order, parcel, *(error.message for error in context.errors.values())]


@workflow
def wrapping(paper: str) -> list[str | None]:
    return hand_over(relay.named("child")("order"), tie(wrap(paper)))


# Circuit breakers: each place has one of its own, and its node fails until somebody has opened the gate.

_SHAKY = {"failure_threshold": 2, "success_threshold": 1, "timeout_s": 1.0, "key": "spot"}


def _shake(spot: str, gate: str, context: Context) -> str:
    saw(context, spot=spot)
    if not (folder() / gate).exists():
        raise Declined(f"{spot} shakes")
    return f"{spot} holds"


@node(retry=Retry(attempts=1), breaker=Breaker(name="shaky", **_SHAKY))
def shaky(spot: str, gate: str, context: Context = current()) -> str:
    return _shake(spot, gate, context)


@workflow
def shaking(spot: str, gate: str) -> str:
    return shaky(spot, gate)


@node(retry=Retry(attempts=1), breaker=Breaker(name="patient", when_open="wait", **_SHAKY))
def patient(spot: str, gate: str, context: Context = current()) -> str:
    return _shake(spot, gate, context)


@workflow
def waiting_for_it(spot: str, gate: str) -> str:
    return patient(spot, gate)


@node(retry=Retry(attempts=1), breaker=Breaker(when_open="wait", **_SHAKY))
async def patient_async(spot: str, gate: str, context: Context = current()) -> str:
    return _shake(spot, gate, context)


@workflow
def waiting_for_it_async(spot: str, gate: str) -> str:
    return patient_async(spot, gate)


@node(retry=Retry(attempts=1), breaker=Breaker(fallback=lambda spot: f"{spot} as it was", **_SHAKY))
def remembered(spot: str, gate: str, context: Context = current()) -> str:
    return _shake(spot, gate, context)


@workflow
def remembering(spot: str, gate: str) -> str:
    return relay(remembered(spot, gate))
