"""What stands in a store as a whole: which executions are kept, and how long the queues are. For looking only.

Where there is no index, these reads walk the keys of the store in parts (SCAN), a thousand at a time; they take longer the more
there are, and hold nobody up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from spane.runtime.layout import parts
from spane.runtime.store import Store, translated

_KEYS_A_CALL = 1_000
_READ_A_TRIP = 500


def active(store: Store) -> list[str]:
    """Return the ids of executions that have not ended, which stand in an index."""
    with translated():
        found: Any = store.client.zrange(store.keys.active, 0, -1)
    return sorted(execution.decode() for execution in found)


def kept(store: Store) -> Iterator[str]:
    """Yield the ids of all executions that are kept, ended or not, in no order; one may come twice."""
    stem = store.keys.execution("")
    with translated():
        for key in store.client.scan_iter(f"{stem}*", count=_KEYS_A_CALL):
            yield key.decode().removeprefix(stem)


def fields(store: Store, executions: Sequence[str], *names: str) -> Iterator[tuple[str, list[str | None]]]:
    """Yield (execution, fields of `x:<execution>`) for those that are kept."""
    for part in parts(executions, _READ_A_TRIP):
        with translated():
            pipe: Any = store.client.pipeline(transaction=False)
            for execution in part:
                pipe.hmget(store.keys.execution(execution), list(names))
            replies = pipe.execute()
        for execution, values in zip(part, replies, strict=True):
            if values[0] is not None:
                yield execution, [value.decode() if value is not None else None for value in values]


def queues(store: Store) -> dict[str, dict[int, int]]:
    """Return how many hints each lane holds, by priority; lanes carry their suffixes (`~`, `!`, `?`, `+`, `@fingerprint`)."""
    stem = store.keys.queues
    lengths: dict[str, dict[int, int]] = {}
    with translated():
        keys = sorted(set(store.client.scan_iter(f"{stem}*", count=_KEYS_A_CALL)))
        for part in parts(keys, _READ_A_TRIP):
            pipe: Any = store.client.pipeline(transaction=False)
            for key in part:
                pipe.llen(key)
            for key, length in zip(part, pipe.execute(), strict=True):
                lane, _, priority = key.decode().removeprefix(stem).rpartition(":")
                if length:
                    lengths.setdefault(lane, {})[int(priority)] = length
    return lengths


def counts(store: Store) -> Counter[str]:
    """Return how many attempts run, and how many timers, dead letters, sessions and unfinished executions there are."""
    keys = store.keys
    with translated():
        sessions: list[Any] = store.client.zrange(keys.sessions, 0, -1)
        pipe: Any = store.client.pipeline(transaction=False)
        for key in (keys.timers, keys.dead_letters, keys.active):
            pipe.zcard(key)
        for session in sessions:
            pipe.hlen(keys.session(session.decode()))
        timers, dead_letters, active, *held = pipe.execute()
    return Counter(
        timers=timers, dead_letters=dead_letters, executions=active, sessions=len(sessions), running=sum(held)
    )
