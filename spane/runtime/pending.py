"""What a store still has to do: what is queued, held and due. For in-process use, where waiting for it moves it on."""

from __future__ import annotations

from typing import Any

from spane.runtime.store import Store, translated


def nothing_queued(store: Store) -> bool:
    """Tell whether no hint, no lease and no cursor is left; looks at all queues."""
    keys = store.keys
    read: Any = store.client
    with translated():
        # fakeredis keeps lists that ran empty, so their lengths have to be asked.
        lists = [key for key in read.keys(f"{keys.queues}*") if b"@" not in key] + [keys.cursors]
        held = read.keys(keys.session("*"))
        return not any(read.llen(key) for key in lists) and not any(read.hlen(key) for key in held)


def next_due_ms(store: Store) -> int | None:
    """Return the milliseconds until the next timer is due, None without one."""
    with translated():
        head: Any = store.client.zrange(store.keys.timers, 0, 0, withscores=True)
    return None if not head else int(head[0][1]) - store.clock.now_ms()
