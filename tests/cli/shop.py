"""Workflows for the tests of the command line; copied into a folder of each test's own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from pydantic import BaseModel

from spane import Context, Retry, Unrecoverable, current, node, wait_for_event, workflow


class Order(BaseModel):
    id: int
    items: list[str] = []


@node
def count(order: Order) -> int:
    return len(order.items)


@node
def label(name: str, count: int) -> str:
    return f"{name} x {count}"


@workflow
def pack(name: str, order: Order) -> str:
    return label(name, count(order))


@node
def double(n: int) -> dict[str, int]:
    return {"n": n, "twice": 2 * n}


@workflow
def numbers(n: int) -> dict[str, int]:
    return double(n)


@node(retry=Retry(attempts=2, backoff="fixed", base_s=0.05))
def sell(what: str) -> str:
    raise LookupError(f"{what} is sold out")


@workflow
def failing(what: str) -> str:
    return sell(what)


@node(retry=Retry(attempts=3, backoff="fixed", base_s=0.3))
def wobble(context: Context = current()) -> int:
    print("wobbling")  # noqa: T201 - what a node prints is to stand above the tree
    if context.attempt < 2:
        raise ConnectionError("the line is down")
    return context.attempt


@node
def steady(wobble: int) -> int:
    return wobble


wobbly = workflow.of("wobbly", wobble, steady)


@node
def chat(text: str) -> str:
    print(text)  # noqa: T201
    os.system(f"echo {text} of a program")  # what a node's own programs print counts as well
    return text.upper()


@workflow
def chatty(text: str) -> str:
    return chat(text)


@node
def first(folder: str) -> str:
    with Path(folder, "first").open("a") as file:
        file.write("x")
    return folder


@node
def hold(folder: str, context: Context = current()) -> str:
    """Tell through a pipe that it runs, then wait on another until it may go on."""
    if Path(folder, "free").exists():
        return "held before"
    context.progress(3, 4)
    Path(folder, "at").open("w").close()
    Path(folder, "go").open().close()
    return context.execution


@workflow
def held(folder: str) -> str:
    return hold(first(folder))


@node
def abort(folder: str) -> str:
    """Kill the process that runs it, once."""
    mark = Path(folder, "aborted")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@workflow
def poison(folder: str) -> str:
    return abort(folder)


@node(on_failure="continue")
def sulk(why: str) -> str:
    raise Unrecoverable(why)


@node
def shrug(why: str = "so be it") -> str:
    return why


@workflow
def mixed(why: str) -> str:
    return shrug(sulk(why))


@node
def settle(approved: str, attempt: int) -> str:
    return f"{approved} at try {attempt}"


@workflow
def approval() -> str:
    return settle(wait_for_event("approved", str), wobble())
