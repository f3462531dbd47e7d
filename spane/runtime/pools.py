"""Limits as they stand: who holds a slot of each, and how many wait. For looking only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spane.runtime.layout import parts
from spane.runtime.store import Store, translated

_READ_A_TRIP = 200
_HOLDERS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit, or one key of it: its rule, and how it stands now.

    `name` is the node type or `@workflow`, with `/key` behind it where it goes by key. `held` counts slots that are in use
    or kept for a node that is queued, `holders` names up to 100 who have one (`execution|node`, or an execution), and
    `waiting` counts who has none. `rests_until_ms` is set while a node has let its type rest.
    """

    name: str
    concurrency: int | None
    rate: int | None
    period_ms: int | None
    burst: int | None
    held: int
    holders: tuple[str, ...]
    waiting: int
    rests_until_ms: int | None


def limits(store: Store, names: Iterable[str] | None = None) -> dict[str, LimitView]:
    """Return the limits that have a rule, and the keys of them that are in use; or those of these names."""
    keys = store.keys
    read: Any = store.client
    with translated():
        rules = {name.decode(): text.decode() for name, text in read.hgetall(keys.limits).items()}
        rests = {name.decode(): int(till) for name, till in read.hgetall(keys.rests).items()}
        if names is None:
            used = [pool.decode() for pool in read.zrange(keys.pools, 0, -1)]
            names = sorted({*used, *rests, *(name for name, text in rules.items() if not text.split(";")[4])})
        found = {}
        for part in parts(names, _READ_A_TRIP):
            pipe: Any = read.pipeline(transaction=False)
            for name in part:
                pool = keys.pool(name)
                pipe.hlen(pool)
                pipe.hscan(pool, 0, count=_HOLDERS_SHOWN)
                pipe.zcard(f"{pool}:o")
                pipe.zrange(f"{pool}:o", 0, _HOLDERS_SHOWN - 1)
                pipe.zcard(f"{pool}:w")
            replies = pipe.execute()
            for at, name in enumerate(part):
                held, (_, some), kept, queued, waiting = replies[5 * at : 5 * at + 5]
                holders = tuple(sorted(member.decode() for member in (*some, *queued)))[:_HOLDERS_SHOWN]
                rule = _rule(name, rules.get(name.partition("/")[0]))
                found[name] = LimitView(
                    name, *rule, held=held + kept, holders=holders, waiting=waiting, rests_until_ms=rests.get(name)
                )
    return found


def waits(store: Store, name: str, member: str) -> bool:
    """Tell whether a node `execution|node`, or an execution, waits for a slot."""
    with translated():
        return store.client.zscore(f"{store.keys.pool(name)}:w", member) is not None


def _rule(name: str, text: str | None) -> tuple[int | None, int | None, int | None, int | None]:
    if text is None:
        return None, None, None, None
    *numbers, keyed, _queue = text.split(";")
    if keyed and "/" not in name:
        return None, None, None, None
    most, rate, period_ms, burst = (int(number) if number else None for number in numbers)
    return most, rate, period_ms, burst
