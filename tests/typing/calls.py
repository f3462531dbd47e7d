"""What type checkers say about calls: the lines that must pass, and those marked that must not."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Literal, assert_type

from spane import (
    Bound,
    Context,
    Failure,
    Node,
    NodeError,
    Parents,
    Retry,
    Workflow,
    coalesce,
    current,
    in_order,
    is_none,
    node,
    not_,
    one_of,
    repeat_until,
    sleep,
    switch,
    use,
    wait_for_event,
    when,
    workflow,
)


@dataclass
class Order:
    id: int
    total: float
    items: list[str]


class Pool:
    def find(self, order_id: int) -> Order:
        raise NotImplementedError


def pool() -> Iterator[Pool]:
    yield Pool()


@node
def load(order_id: int, db: Pool = use(pool)) -> Order:
    raise NotImplementedError


@node(retry=Retry(attempts=5, give_up_on=ValueError), timeout_s=10, on_failure="continue")
async def charge(order: Order, currency: Literal["eur", "usd"] = "eur", context: Context = current()) -> str:
    raise NotImplementedError


@node
async def refund(order: Order) -> None:
    raise NotImplementedError


class Pack:
    def __call__(self, items: list[str], /, *, fragile: bool = False) -> bytes:
        raise NotImplementedError


class Send:
    async def __call__(self, parcel: bytes) -> int:
        raise NotImplementedError


pack = node(Pack)
send = node(queue="mail")(Send)


@node
def wrap(item: str, times: int = 1) -> Order:
    raise NotImplementedError


@node(name="shop.report", was=("report",))
def report(*lines: str, **totals: float) -> dict[str, float]:
    raise NotImplementedError


@node
def gather(parents: Parents) -> int:
    raise NotImplementedError


@workflow
def fulfil(order_id: int, express: bool = False) -> str:
    order = load(order_id)
    assert_type(order, Order)
    assert_type(order.items[0], str)
    receipt = charge(order, currency="usd")
    assert_type(receipt, str)
    parcel = pack(order.items, fragile=True)
    assert_type(parcel, bytes)
    assert_type(send.named("send_eu").options(after=receipt, priority=7)(parcel), int)
    assert_type(report(receipt, total=order.total), dict[str, float])
    assert_type(gather(Parents.of(receipt, parcel)), int)
    return receipt


def take_back(receipt: str) -> None:
    raise NotImplementedError


@node
async def tell(failure: Failure, order_id: int) -> None:
    assert_type(failure.error, NodeError)


@node(undo=take_back, on_failure="skip")
def pay(order: Order, times: int = 1) -> str:
    raise NotImplementedError


@node(undo=tell)
async def pay_later(order: Order) -> bytes:
    raise NotImplementedError


@workflow(on_failure=tell)
def paying(order_id: int) -> str:
    assert_type(pay_later(load(order_id)), bytes)
    return assert_type(pay(load(order_id), times=2), str)


assert_type(workflow.of("paid", load, pay, returns=pay, on_failure=take_back), Workflow[..., str])


@node
def assess(order: Order) -> Literal["ok", "review"]:
    raise NotImplementedError


@workflow
def branching(order: Order, express: bool = False) -> str | int:
    verdict = assess(order)
    with when(order.total > 100) as large:
        receipt = charge(order)
    with large.otherwise():
        parcel = send(b"")
    assert_type(receipt, str)
    assert_type(parcel, int)
    with when((verdict == "review") & (not_(is_none(order.items)) | express)):
        late = charge.named("late")(order)
    with when(one_of(order.id, 1, 2) & express):
        refund(order)
    with switch(verdict) as s:
        with s.case("ok"):
            one = charge.named("one")(order)
        with s.case("review"):
            two = charge.named("two")(order)
        with s.default():
            refund.named("other")(order)
    assert_type(coalesce(one, two), str)
    assert_type(coalesce(receipt, parcel), str | int)
    assert_type(coalesce(late, default=None), str | None)
    assert_type(coalesce(late, parcel, default=b""), str | int | bytes)
    with switch(order.id) as number, number.case(1, 2), in_order():
        refund.named("last")(sleep(order, 60))
    assert_type(sleep(order, order.id), Order)
    assert_type(wait_for_event("paid", Order), Order)
    assert_type(wait_for_event("paid", Order, timeout_s=5), Order)
    assert_type(wait_for_event("paid", Order, timeout_s=5, on_timeout=None), Order | None)
    return coalesce(receipt, parcel)


@workflow(name="shop.nightly")
def nightly() -> int:
    return gather(Parents.of(load(1)))


def plain() -> tuple[object, ...]:
    assert_type(load(7), Order)
    coroutine: Coroutine[Any, Any, str] = charge.fn(load(7))
    assert_type(fulfil(7), str)
    assert_type(fulfil.bind(order_id=7), Bound[str])
    assert_type(nightly(), int)
    assert_type(workflow.of("one", load, charge, returns=charge), Workflow[..., str])
    as_function: Callable[[int, Pool], Order] = load
    as_node: Node[..., str] = charge
    return as_function, as_node, coroutine


def mapped() -> None:
    order = load(7)
    assert_type(wrap.map(order.items), list[Order])
    assert_type(wrap.map(["a", "b"], max_in_flight=3), list[Order])
    assert_type(wrap.map(order.items, on_item_failure="skip"), list[Order])
    assert_type(wrap.map(order.items, on_item_failure="collect"), list[Order | NodeError])
    assert_type(charge.map([order], "eur"), list[str])
    assert_type(pack.map([["a"], ["b"]], fragile=True), list[bytes])


def refused() -> None:
    wrap.map([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    wrap.map(7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    wrap.map(["a"], on_item_failure="ignore")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue,reportArgumentType]
    load("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    load()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    load(7, depth=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    load.named("again")("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    load.options(timeout_s=5)("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    charge(load(7), "gbp")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    charge(refund(load(7)))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pack([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    pack(items=["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    send("parcel")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    report(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fulfil("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fulfil.bind(order="seven")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    when(load(7))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    when("review")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    not_(load(7).total)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    switch(load(7).total).case("ten")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    charge(coalesce(load(7), default=3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    load(7).totl  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
    load.options(priority="high")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    load.options(limit="20/second")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Retry(attempts="five")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Retry(retry_on="ValueError")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    node(undo=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    workflow(on_failure="tell")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    node(on_failure="ignore")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    node(limit=2.5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


@workflow
def settle(order: Order, times: int = 1) -> str:
    return charge(order)


@workflow
def improve(order: Order) -> Order:
    return load(order.id)


@workflow
def nested(order_id: int) -> None:
    order = load(order_id)
    assert_type(settle(order), str)
    assert_type(settle.named("again")(order, times=2), str)
    settle("no order")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    final = repeat_until(improve, order, lambda better: better.total > 10, max_iterations=3)
    assert_type(final, Order)
