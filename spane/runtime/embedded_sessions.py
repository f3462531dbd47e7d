"""What worker sessions left in an embedded store, for whoever is known to be its only user."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import redis

from spane.runtime.clients import command_client, translate
from spane.runtime.keys import Keys
from spane.runtime.store import Limits, Store


def take_over(url: str, keys: Keys, limits: Limits) -> int:
    """End the leases of all sessions and queue again what they held; returns how many sessions there were.

    Only where nobody else can use the store: a session that lives would have its nodes run a second time.
    """
    with closing(command_client(url)) as client:
        try:
            sessions: Any = client.zrange(keys.sessions, 0, -1)
            if not sessions:
                return 0
            client.zadd(keys.sessions, dict.fromkeys(sessions, 0), xx=True)
        except redis.RedisError as error:
            raise translate(error) from error
        store = Store(client, keys, limits=limits)
        while store.rescue():
            pass
        return len(sessions)
