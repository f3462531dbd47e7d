"""Circuit breakers in the store: what workers ask of them, and what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spane.runtime.layout import parts
from spane.runtime.store import Store, translated

_READ_A_TRIP = 500


def ask(store: Store, execution: str, node: str, token: str, breaker: str) -> tuple[str, int]:
    """Ask whether an attempt may call its node: (closed, probe, open or fenced; milliseconds that it stays open)."""
    code, *left = store.call("ask_breaker", store.clock.injected, execution, node, token, breaker)
    return code.decode(), int(left[0]) if left else 0


def reset(store: Store, breaker: str) -> bool:
    """Close a breaker; False where there is none of that name."""
    return bool(store.call("reset_breaker", store.clock.injected, breaker))


def names(store: Store) -> list[str]:
    """Return the names of breakers that have seen a failure lately."""
    with translated():
        found: Any = store.client.zrange(store.keys.breakers, 0, -1)
    return sorted(name.decode() for name in found)


def read(store: Store, breakers: Sequence[str]) -> dict[str, tuple[dict[str, str], int, int]]:
    """Return (fields, failures in the window, how many wait) of those breakers that are there."""
    now_ms = int(store.clock.injected or _time_ms(store))
    found = {}
    for part in parts(breakers, _READ_A_TRIP):
        with translated():
            pipe: Any = store.client.pipeline(transaction=False)
            for name in part:
                key = store.keys.breaker(name)
                pipe.hgetall(key)
                pipe.zrange(f"{key}:f", 0, -1, withscores=True)
                pipe.llen(f"{key}:w")
            replies = iter(pipe.execute())
        for name, raw, failures, waiting in zip(part, replies, replies, replies, strict=True):
            if raw:
                fields = {field.decode(): value.decode() for field, value in raw.items()}
                since = now_ms - int(fields.get("window", 0))
                found[name] = (fields, sum(at > since for _, at in failures), waiting)
    return found


def _time_ms(store: Store) -> int:
    with translated():
        seconds, micros = store.client.time()
    return int(seconds) * 1000 + int(micros) // 1000
