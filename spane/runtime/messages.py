"""Messages of a user's own actors in Redis, kept as Dramatiq keeps them.

Only this module, the broker and `lua/recover_messages.lua` know Dramatiq's key layout.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, cast

import redis
from dramatiq import Message, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed, DecodeError

from spane.errors import StoreFull, StoreUnavailable
from spane.runtime.clients import translate
from spane.runtime.consumer import LOOK_S

_logger = logging.getLogger("spane.messages")


class RedisMessages:
    """Messages of a user's own actors on one queue, fetched without sleeping."""

    def __init__(self, broker: RedisBroker, queue: str, prefetch: int, *, look_s: float = LOOK_S) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch = prefetch
        self._look_s = look_s
        self._fetched: deque[bytes] = deque()
        self._held: set[str] = set()
        self._looked_at = 0.0
        self._more = True

    @property
    def outstanding(self) -> int:
        """How many messages were fetched and not acknowledged yet."""
        return len(self._held) + len(self._fetched)

    def next(self) -> MessageProxy | None:
        """Return the next message if there is one; asks Redis only while there are some, and once a second."""
        if not self._fetched:
            room = self._prefetch - len(self._held)
            now = time.monotonic()
            if room <= 0 or not (self._more or now >= self._looked_at + self._look_s):
                return None
            self._looked_at = now
            self._more = False
            self._fetched.extend(data for data in self._broker.do_fetch(self._queue, room) if data is not None)
            self._more = bool(self._fetched)
            if not self._fetched:
                return None
        data = self._fetched.popleft()
        message = _decoded(data)
        if message is None:
            self._reject(data)
            return None
        self._held.add(message.message_id)
        return MessageProxy(message)

    def _reject(self, data: bytes) -> None:
        """Make a dead letter of a message that cannot be decoded. Its id is only known to Redis: it is looked for."""
        broker, queue = self._broker, self._queue
        acks = f"{broker.namespace}:__acks__.{broker.broker_id}.{queue}"
        for raw in cast("set[bytes]", broker.client.smembers(acks)):
            message_id = raw.decode(errors="replace")
            if message_id not in self._held and broker.client.hget(f"{broker.namespace}:{queue}.msgs", raw) == data:
                _logger.error(
                    "Message %r of queue %r cannot be decoded and is a dead letter now: %.200r", message_id, queue, data
                )
                broker.do_nack(queue, raw)

    def look(self) -> None:
        """Ask Redis at the next turn."""
        self._more = True

    def forget(self, message: MessageProxy) -> None:
        """Hold a message no longer, because it was acknowledged."""
        self._held.discard(message.message_id)

    def done(self, message: MessageProxy, *, failed: bool) -> None:
        """Acknowledge or reject a message.

        Raises:
            ConnectionClosed: Redis cannot take it just now (it is away, or full); Dramatiq tries again until it can.
        """
        do = self._broker.do_nack if failed else self._broker.do_ack
        try:
            do(self._queue, message.options["redis_message_id"])
        except redis.RedisError as error:
            if _passes(error):
                raise ConnectionClosed(error) from None
            raise
        finally:
            self.forget(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return unprocessed messages to their queue; where Redis cannot take them, another worker recovers them."""
        ids = [message.options["redis_message_id"] for message in messages]
        if not ids:
            return
        try:
            self._broker.do_requeue(self._queue, *ids)
        except redis.RedisError as error:
            if not _passes(error):
                raise
            _logger.warning(
                "%d messages of queue %r could not be returned; another worker takes them over: %s",
                len(ids), self._queue, translate(error),
            )  # fmt: skip


def _passes(error: redis.RedisError) -> bool:
    return isinstance(translate(error), StoreUnavailable | StoreFull)


def _decoded(data: bytes) -> Message[Any] | None:
    try:
        message: Message[Any] = Message.decode(data)
    except DecodeError:
        return None
    return message if "redis_message_id" in message.options else None
