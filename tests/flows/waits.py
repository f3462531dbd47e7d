"""Workflows that wait: for a time, or for an event."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pydantic import BaseModel

from spane import (
    Context,
    Retry,
    Workflow,
    coalesce,
    current,
    in_order,
    node,
    sleep,
    wait_for_event,
    when,
    workflow,
)
from tests.flows.app import folder, relay, saw, wait_for


class Approval(BaseModel):
    by: str
    verdict: Literal["yes", "no"] = "yes"


@workflow
def sleeping(value: Any, seconds: float) -> Any:
    first = relay.named("before")(value)
    return relay.named("after")(sleep(sleep(first, 0.3), seconds))


@node
def paid(order: int, by: str, context: Context = current()) -> str:
    saw(context, by=by)
    return f"{order} paid, approved by {by}"


@node
def declined(order: int, context: Context = current()) -> str:
    saw(context)
    return f"{order} declined"


@workflow
def approving(order: int) -> str:
    approval = wait_for_event("approved", Approval, after=relay.named("asked")(order))
    with when(approval.verdict == "yes") as yes:
        done = paid(order, approval.by)
    with yes.otherwise():
        not_done = declined(order)
    return coalesce(done, not_done)


@node
def shown(value: Any, context: Context = current()) -> Any:
    saw(context, value=value)
    return value


@workflow
def going_without(order: int) -> Any:
    return shown([order, wait_for_event("late", str, timeout_s=0.4, on_timeout=None)])


@workflow
def timing_out() -> Any:
    return shown(wait_for_event("late", str, timeout_s=0.4))


@workflow
def two_waits() -> list[str]:
    first = wait_for_event("said", str)
    second = wait_for_event("said", str, after=first)
    return [first, second]


@node
def tell(what: str, context: Context = current()) -> str:
    saw(context, what=what)
    return what


@workflow
def one_after_the_other(order: int) -> str:
    with in_order():
        tell.named("first")("first")
        sleep(tell.named("second")("second"), 0.3)
        return tell.named("third")("third")


@node(retry=Retry(attempts=1))
def broken(gate: str) -> int:
    if not (folder() / gate).exists():
        raise ValueError("not mended")
    return 1


@workflow
def failing_beside(gate: str) -> list[Any]:
    waited = wait_for_event("said", str)
    return [shown.named("heard")(waited), broken(gate)]


@node
def hold(gate: str) -> str:
    wait_for(folder() / gate)
    return gate


@workflow
def deciding_late(gate: str) -> str:
    return tell(wait_for_event("said", str, after=hold(gate)))


@workflow(deadline_s=0.5)
def too_slow(value: Any) -> Any:
    return shown(sleep(relay(value), 60))


@workflow
def napping(value: Any) -> Any:
    return shown(sleep(relay(value), 60))


@workflow(deadline_s=0.8)
def calling_what_naps(value: Any) -> Any:
    return napping(value)


@workflow
def expecting_for_a_minute(value: Any) -> Any:
    return told_of(wait_for_event("never", str, timeout_s=60, after=relay(value)))


@node
def told_of(said: str) -> str:
    return said


@workflow(deadline_s=0.5)
def expecting_in_time() -> str:
    return wait_for_event("never", str)


@workflow
def calling_what_expects() -> str:
    return expecting_in_time()


@node
async def forever(context: Context = current()) -> None:
    saw(context)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        saw(context, stopped=context.cancel_reason)
        raise


@workflow(deadline_s=1.0)
def held_up() -> None:
    return relay(forever())


@node(retry=Retry(attempts=1))
def break_at(gate: str) -> None:
    wait_for(folder() / gate)
    raise ValueError("the gate is open")


@workflow(deadline_s=3.0)
def failing_beside_what_naps(gate: str) -> list[Any]:
    return [napping(1), forever.named("held")(), break_at.named("breaks")(gate)]


@workflow
def approving_below(order: int) -> str:
    return approving(order)


@workflow(deadline_s=20)
def quick(value: Any) -> Any:
    return relay(value)


@workflow
def after_a_node_that_waits(value: Any) -> Any:
    return relay.named("after").options(delay_s=0.3)(relay.named("before")(value))


def delayed(**config: Any) -> Workflow[..., Any]:
    """Return a workflow with a delay node between two others, as a definition."""
    return Workflow.from_definition(
        {
            "id": "delayed_" + "_".join(f"{key}_{value}" for key, value in config.items()).replace(" ", ""),
            "nodes": [
                {"id": "before", "type": "relay", "outputs": ["pause"]},
                {"id": "pause", "type": "delay", "config": config, "outputs": ["after"]},
                {"id": "after", "type": "relay"},
            ],
        }
    )


@workflow
def asking_or_breaking(gate: str) -> Any:
    return relay(broken(gate)), wait_for_event("said", str)


@workflow
def asking_all(gates: list[str]) -> list[Any]:
    return asking_or_breaking.map(gates)
