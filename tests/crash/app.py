"""Nodes and workflows for workers that will be killed. A node tells that it ran by a line in `<folder>/ran`."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from spane import Breaker, Context, Retry, Unrecoverable, current, node, wait_for_event, workflow

FOLDER = "SPANE_CRASH_FOLDER"
#: The longest a node waits to be let go on; a test that forgets to fails instead of hanging.
PATIENCE_S = 60.0
QUICK = Retry(attempts=3, backoff="fixed", base_s=0.05)


def folder() -> Path:
    return Path(os.environ[FOLDER])


def tell(context: Context, **more: object) -> None:
    line = {
        "execution": context.execution, "node": context.node, "attempt": context.attempt, "pid": os.getpid(),
        "at": time.monotonic(), **more,
    }  # fmt: skip
    with (folder() / "ran").open("a") as file:
        file.write(json.dumps(line) + "\n")


def busy() -> None:
    """Take as long as a small node takes."""
    time.sleep(random.uniform(0.005, 0.15))


def wait_for(gate: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not (folder() / gate).exists():
        if time.monotonic() > until:
            raise Unrecoverable(f"nobody opened {gate}")
        time.sleep(0.002)


@node(retry=QUICK)
def begin(n: int, context: Context = current()) -> int:
    tell(context)
    busy()
    return n


@node(retry=QUICK)
def step(value: int, context: Context = current()) -> int:
    tell(context)
    busy()
    return value + 1


@node(retry=QUICK)
def flaky(value: int, context: Context = current()) -> int:
    tell(context)
    busy()
    if context.attempt == 1:
        raise ValueError("the first try fails")
    return value + 1


@node(retry=Retry(attempts=1), on_failure="continue")
def failing(value: int, context: Context = current()) -> int:
    tell(context)
    raise ValueError(f"{value} does not do")


@node(retry=QUICK)
def join(a: int = 0, b: int = 0, c: int = 0, d: int = 0, context: Context = current()) -> int:
    tell(context)
    busy()
    return a + b + c + d


@node(retry=QUICK)
async def later(value: int, context: Context = current()) -> int:
    tell(context)
    return value


@workflow
def chain(n: int) -> int:
    value = begin(n)
    for i in range(4):
        value = step.named(f"step_{i}")(value)
    return value


@workflow
def diamond(n: int) -> int:
    top = begin(n)
    return join(step.named("left")(top), flaky.named("right")(top), later(top), failing(top))


@workflow
def layered(n: int) -> int:
    first = [begin.named(f"a{i}")(n) for i in range(4)]
    second = [join.named(f"b{i}")(*first) for i in range(4)]
    return join.named("end")(*second)


@node(retry=QUICK)
def upto(n: int, context: Context = current()) -> list[int]:
    tell(context)
    return list(range(n % 7 + 5))


@node(retry=QUICK)
def add_up(values: list[int], context: Context = current()) -> int:
    tell(context)
    return sum(values)


@workflow
def mapped(n: int) -> int:
    return add_up(step.map(upto(n), max_in_flight=4))


# What one test asks for.


@node(retry=Retry(attempts=1))
def at_gate(gate: str, fails: bool, context: Context = current()) -> int:
    tell(context)
    wait_for(gate)
    if fails:
        raise ValueError("it was told to fail")
    return os.getpid()


@workflow
def waiting(gate: str, fails: bool = False) -> int:
    return at_gate(gate, fails)


@workflow
def waiting_wide(gate: str) -> list[int]:
    return [at_gate.named(f"at_gate_{i}")(gate, False) for i in range(12)]


@node(retry=QUICK)
def abort(n: int, context: Context = current()) -> int:
    tell(context)
    os.abort()
    return n


@node(retry=QUICK)
async def abort_later(n: int, context: Context = current()) -> int:
    tell(context)
    os.abort()
    return n


@workflow
def poison(n: int) -> int:
    return abort(n)


@workflow
def poison_on_loop(n: int) -> int:
    return abort_later(n)


@node(retry=QUICK)
def large(n: int, context: Context = current()) -> str:
    tell(context)
    return str(n % 10) * 300_000


@node(retry=QUICK)
def size(text: str, context: Context = current()) -> int:
    tell(context)
    return len(text)


@workflow
def blobs(n: int) -> int:
    return size(large(n))


@workflow
def mapped_wide(values: list[int]) -> int:
    return add_up(step.map(values))


def die() -> None:
    """End this process as the kernel does that is short of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def heed(data: str) -> str:
    """Do what an event's data says, where a worker reads it: whoever signals it reads it as well."""
    if FOLDER in os.environ:
        with (folder() / "heeded").open("a") as file:
            file.write(f"{os.getpid()}\n")
        if data == "die":
            die()
        wait_for(data)
    return data


@workflow
def heeding(n: int) -> str:
    return wait_for_event("said", Annotated[str, AfterValidator(heed)])


@node(
    retry=Retry(attempts=1),
    breaker=Breaker(name="bank", failure_threshold=1, success_threshold=1, timeout_s=1, when_open="wait"),
)
def pay(how: str, context: Context = current()) -> str:
    tell(context, how=how)
    if how == "fail":
        raise ConnectionError("the bank is closed")
    if how == "die":
        die()
    wait_for(how)
    return how


@workflow
def paying(how: str) -> str:
    return pay(how)


LOAD = (chain, diamond, layered, mapped)
