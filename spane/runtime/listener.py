"""Listen in Redis, on a connection made for blocking."""

from __future__ import annotations

import redis

from spane.runtime.clients import translate
from spane.runtime.store import Store

#: As long as `finish` keeps the token that says an execution has ended.
_KEPT_MS = 60_000


class Listener:
    """Waits in Redis, on a connection made for blocking."""

    def __init__(self, store: Store, client: redis.Redis) -> None:
        self._store = store
        self._client = client

    def until_ended(self, execution: str, timeout_s: float) -> None:
        """Wait for the token that the last transition leaves; it goes back at once, so that everybody is told."""
        key = self._store.keys.waiter(execution)
        try:
            if self._client.blpop([key], max(0.01, timeout_s)):
                self._client.rpush(key, "1")
                self._client.pexpire(key, _KEPT_MS)
        except redis.RedisError as error:
            raise translate(error) from error

    def until_event(self, after: str, timeout_s: float) -> None:
        """Wait for an entry of the stream."""
        try:
            self._client.xread({self._store.keys.events: after}, count=1, block=max(1, round(timeout_s * 1000)))
        except redis.RedisError as error:
            raise translate(error) from error

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
