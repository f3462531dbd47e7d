"""Where what waits stands: workers and the queues they serve, and places in the lists of a queue. For looking only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spane.runtime.store import Store, translated

#: Redis looks through at most so many hints of a list for one place: well under a millisecond.
LONGEST_LOOK = 10_000
_PRIORITIES = range(1, 11)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process by its session: where it runs, and what it fetches.

    `queues` are those it consumes, `fitting` the lanes `queue@fingerprint` into which it looks for nodes that other
    workers did not fit. `lease_until_ms` is on the store's clock.
    """

    session: str
    lease_until_ms: int
    host: str = ""
    process: int | None = None
    queues: tuple[str, ...] = ()
    fitting: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"worker {self.session}" + (f" ({self.host}, process {self.process})" if self.process else "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hint stands: `position` counts from 1 in its own list, None where it was not found.

    `ahead` counts the hints of the same queue that are fetched first: those before it, and all of a higher priority.
    """

    position: int | None
    length: int
    ahead: int | None


def workers(store: Store) -> dict[str, Worker]:
    """Return the workers whose lease has not run out, by session."""
    keys = store.keys
    with translated():
        pipe: Any = store.client.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(keys.sessions, 0, -1, withscores=True)
        pipe.hgetall(keys.leases)
        (seconds, _), sessions, leases = pipe.execute()
    # This machine's clock may be wrong; leases end by the one of the store.
    now_ms = int(store.clock.injected or seconds * 1000)
    return {
        name.decode(): _worker(name.decode(), int(until), leases.get(name, b""))
        for name, until in sessions
        if until > now_ms
    }


def _worker(session: str, until_ms: int, lease: bytes) -> Worker:
    _, process, queues, fitting, *_ = (*lease.decode().split("|"), "", "", "")
    host, _, number = process.rpartition(":")
    return Worker(
        session, until_ms, host, int(number) if number.isdecimal() else None, _listed(queues), _listed(fitting)
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def places(store: Store, asked: Sequence[tuple[str, int, str]]) -> list[Place]:
    """Return where hints stand, each asked for as (lane, priority, hint)."""
    lanes = list(dict.fromkeys(lane for lane, _, _ in asked))
    with translated():
        pipe: Any = store.client.pipeline(transaction=False)
        for lane in lanes:
            for priority in _PRIORITIES:
                pipe.llen(store.keys.queue(lane, priority))
        for lane, priority, hint in asked:
            pipe.execute_command("LPOS", store.keys.queue(lane, priority), hint, "MAXLEN", LONGEST_LOOK)
        replies = pipe.execute()
    count = len(_PRIORITIES)
    lengths = {
        lane: dict(zip(_PRIORITIES, replies[at * count : (at + 1) * count], strict=True))
        for at, lane in enumerate(lanes)
    }
    found = zip(asked, replies[len(lanes) * count :], strict=True)
    return [_place(lengths[lane], priority, position) for (lane, priority, _), position in found]


def _place(lengths: dict[int, int], priority: int, position: int | None) -> Place:
    if position is None:
        return Place(None, lengths[priority], None)
    first = sum(length for other, length in lengths.items() if other > priority)
    return Place(position + 1, lengths[priority], first + position)
