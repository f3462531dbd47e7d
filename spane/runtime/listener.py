"""Listen in Redis, on a connection made for blocking."""

from __future__ import annotations

import time

import redis

from spane.runtime.clients import close, translate
from spane.runtime.store import Store

#: How long to wait where Redis is out of memory and will not block on a list; whoever waits looks by itself then.
_LOOK_AGAIN_S = 0.1


class Listener:
    """Waits in Redis, on a connection made for blocking."""

    #: Workers and others move executions on.
    alone = False

    def __init__(self, store: Store, client: redis.Redis) -> None:
        self._store = store
        self._client = client

    def until_ended(self, execution: str, timeout_s: float) -> None:
        """Wait for the token that the last transition leaves.

        Moved onto its own list in one command, the token cannot get lost: it keeps its time to live, and it wakes
        the next one who waits.
        """
        key = self._store.keys.waiter(execution)
        try:
            self._client.blmove(key, key, max(0.01, timeout_s), "LEFT", "RIGHT")  # type: ignore[arg-type]
        except redis.exceptions.OutOfMemoryError:
            time.sleep(min(timeout_s, _LOOK_AGAIN_S))
        except redis.RedisError as error:
            raise translate(error) from error

    def stalled(self, execution: str) -> None:
        """Return None: somebody else may always move an execution on."""

    def until_event(self, after: str, timeout_s: float) -> None:
        """Wait for an entry of the stream."""
        try:
            self._client.xread({self._store.keys.events: after}, count=1, block=max(1, round(timeout_s * 1000)))
        except redis.RedisError as error:
            raise translate(error) from error

    def close(self) -> None:
        """Close the connection."""
        close(self._client)
