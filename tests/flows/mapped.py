"""Maps of the flows; like `tests/flows/app.py`, they run in this process and in workers."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from spane import Breaker, Context, NodeError, Retry, Skip, coalesce, current, node, when, workflow
from tests.flows.app import QUICK, folder, saw, wait_for


class Item(BaseModel):
    name: str
    weight: int


class Parcel(BaseModel):
    label: str


@node
def items_of(count: int) -> list[Item]:
    return [Item(name=f"item {index}", weight=index) for index in range(count)]


@node
def stamp_of(country: str) -> str:
    return country.upper()


@node(retry=QUICK)
def pack(item: Item, stamp: str, *, bad: int = -1, context: Context = current()) -> Parcel:
    saw(context, weight=item.weight)
    if item.weight == bad and not (folder() / f"mended-{context.execution}").exists():
        raise ValueError(f"{item.name} does not fit")
    return Parcel(label=f"{item.name} to {stamp}")


@node
def labels(parcels: list[Parcel]) -> list[str]:
    return [parcel.label for parcel in parcels]


@workflow
def boxing(count: int, country: str, bad: int = -1) -> list[str]:
    return labels(pack.map(items_of(count), stamp_of(country), bad=bad))


@node
def told(parcels: list[Parcel | NodeError]) -> list[str]:
    return [str(parcel) if isinstance(parcel, NodeError) else parcel.label for parcel in parcels]


@workflow
def collecting(count: int, bad: int) -> list[str]:
    return told(pack.map(items_of(count), "AT", bad=bad, on_item_failure="collect"))


@workflow
def leaving_out(count: int, bad: int) -> list[str]:
    return labels(pack.map(items_of(count), "AT", bad=bad, on_item_failure="skip"))


@workflow
def going_on(count: int, bad: int) -> str:
    packed = pack.options(on_failure="continue").map(items_of(count), "AT", bad=bad)
    return summary(packed)


@node
def summary(parcels: list[Parcel] | None = None) -> str:
    return "nothing" if parcels is None else f"{len(parcels)} parcels"


@node
def odd_only(n: int) -> int:
    if n % 2 == 0:
        raise Skip(f"{n} is even")
    return n


@workflow
def odds(numbers: list[int]) -> list[int]:
    return odd_only.map(numbers)


@node
def total(row: list[int]) -> int:
    return sum(row)


@node
def square(n: int) -> int:
    return n * n


@workflow
def nested(rows: list[list[int]]) -> int:
    return total(square.map(total.map(rows)))


@node
async def slowly(n: int, context: Context = current()) -> int:
    await asyncio.sleep(0.001)
    saw(context)
    return n


@workflow
def narrow(numbers: list[int]) -> list[int]:
    return slowly.map(numbers, max_in_flight=2)


@node(retry=Retry(attempts=3, base_s=0.02))
def unsteady(n: int, context: Context = current()) -> int:
    if n == 1 and context.attempt < 3:
        raise ConnectionError("again")
    return n * context.attempt


@workflow
def retried(numbers: list[int]) -> list[int]:
    return unsteady.map(numbers)


@workflow
def perhaps(numbers: list[int], wanted: bool) -> int:
    with when(wanted) as asked:
        squares = square.map(numbers)
    with asked.otherwise():
        alone = square.named("alone").map([7])
    return total(coalesce(squares, alone))


@node
def held_item(n: int, gate: str, context: Context = current()) -> int:
    saw(context)
    wait_for(folder() / gate)
    return n


@workflow
def held_back(count: int, gate: str) -> int:
    return total(held_item.map(numbers_to(count), gate, max_in_flight=2))


@node
def numbers_to(count: int) -> list[int]:
    return list(range(count))


@node
def anything(value: int) -> object:
    return {"not": "a list"} if value else [1]


@workflow
def no_list(value: int) -> list[int]:
    return square.map(anything(value))


@node
def weigh(n: int, *, bad: int = -1) -> int:
    if n == bad:
        raise ValueError(f"{n} is bad")
    return n * 10


@workflow
def weigh_one(n: int, bad: int = -1) -> int:
    return weigh(n, bad=bad)


@workflow
def weighing_all(numbers: list[int]) -> list[int]:
    return weigh_one.map(numbers, max_in_flight=2)


@node
def weights_told(weights: list[int | NodeError]) -> list[str]:
    return [one.message.partition("\n")[0] if isinstance(one, NodeError) else str(one) for one in weights]


@workflow
def weighing_some(numbers: list[int], bad: int) -> list[str]:
    return weights_told(weigh_one.map(numbers, bad=bad, on_item_failure="collect"))


@workflow(limit=1)
def weigh_held(n: int, gate: str) -> int:
    return held_item(n, gate)


@workflow
def weighing_held(numbers: list[int], gate: str) -> list[int]:
    return weigh_held.map(numbers, gate)


@node(limit=2)
def two_at_a_time(n: int, gate: str, context: Context = current()) -> int:
    saw(context)
    wait_for(folder() / gate)
    return n


@workflow
def narrowed(numbers: list[int], gate: str) -> list[int]:
    return two_at_a_time.map(numbers, gate)


@node(retry=Retry(attempts=3, base_s=3600))
def much_later(n: int) -> int:
    raise ConnectionError("again")


@workflow
def put_off(numbers: list[int]) -> list[int]:
    return much_later.map(numbers)


_BROKEN = Breaker(name="scales", when_open="wait", failure_threshold=1, timeout_s=3600, key="spot")


@node(retry=Retry(attempts=1), breaker=_BROKEN)
def on_scales(n: int, spot: str) -> int:
    raise ConnectionError("the scales are broken")


@workflow
def tripping(spot: str) -> int:
    return on_scales(1, spot)


@workflow
def on_broken_scales(numbers: list[int], spot: str) -> list[int]:
    return on_scales.map(numbers, spot)


@node(limit=1)
def alone_at_a_time(n: int, context: Context = current()) -> int:
    saw(context)
    return n


@workflow
def limited(numbers: list[int]) -> list[int]:
    return alone_at_a_time.map(numbers)
