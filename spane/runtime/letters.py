"""Dead letters as they stand: how many there are, which, and what became of their nodes. For looking only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spane.runtime.store import Store, translated


def count(store: Store) -> int:
    """Return how many dead letters there are."""
    with translated():
        found: Any = store.client.zcard(store.keys.dead_letters)
    return int(found)


def died_at_ms(store: Store, member: str) -> int | None:
    """Return when a dead letter `execution|node` came to be, None where there is none."""
    with translated():
        score: Any = store.client.zscore(store.keys.dead_letters, member)
    return None if score is None else int(score)


def page(store: Store, most: int, after: tuple[int, str] | None) -> list[tuple[str, int]]:
    """Return dead letters `execution|node` with their times, oldest first, from the one after `after` on."""
    read: Any = store.client
    found: list[tuple[str, int]] = []
    offset, least = 0, "-inf" if after is None else after[0]
    while len(found) < most:
        with translated():
            entries = read.zrangebyscore(
                store.keys.dead_letters, least, "+inf", start=offset, num=most, withscores=True
            )
        offset += len(entries)
        letters = [(member.decode(), int(score)) for member, score in entries]
        found += [letter for letter in letters if after is None or (letter[1], letter[0]) > after]
        if len(entries) < most:
            break
    return found[:most]


def failures(store: Store, pairs: Sequence[Sequence[str]]) -> list[tuple[str, str, str, str, bytes | None] | None]:
    """Return (status, workflow, tenant, node's state, error as stored) of each (execution, node); None if gone."""
    with translated():
        pipe: Any = store.client.pipeline(transaction=False)
        for execution, node in pairs:
            pipe.hmget(store.keys.execution(execution), ["@st", "@wf", "@tn", node])
            pipe.hget(store.keys.outputs(execution), node)
        replies = pipe.execute()
    rows = zip(replies[::2], replies[1::2], strict=True)
    return [None if None in fields else (*(part.decode() for part in fields), raw) for fields, raw in rows]
