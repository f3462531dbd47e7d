"""Delayed messages of a user's own actors: held until they are due, then moved to their queue.

Dramatiq's own consumer hands them to its thread, which forgets those that Redis will not take back just then, and
ends when they cannot be returned either. Here each is held until Redis has both taken it and heard that it is done.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections.abc import Iterable

import redis
from dramatiq import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis, q_name

from spane.runtime.clients import translate
from spane.runtime.consumer import LOOK_S
from spane.runtime.messages import RedisMessages

_logger = logging.getLogger("spane.messages")


class DelayedConsumer(Consumer):
    """Holds the delayed messages of one queue. It never gives one out: what is due stands in its queue then."""

    def __init__(self, broker: RedisBroker, queue: str, prefetch: int, timeout: int) -> None:
        self._broker = broker
        self._queue = queue
        self._timeout_s = min(timeout / 1000, LOOK_S)
        self._messages = RedisMessages(broker, queue, prefetch, look_s=self._timeout_s)
        self._due: list[tuple[float, int, MessageProxy]] = []
        self._number = itertools.count()
        self._moved: MessageProxy | None = None
        self._failing = False

    def __next__(self) -> None:
        """Take in what is new, move what is due, and wait for what comes next."""
        wait_s = self._timeout_s
        try:
            self._take_in()
            self._move_due()
            if self._due:
                wait_s = min(wait_s, max(0.0, (self._due[0][0] - current_millis()) / 1000))
            self._failing = False
        except redis.RedisError as error:
            if not self._failing:
                _logger.warning("Delayed messages of %r wait longer: %s", self._queue, translate(error))
            self._failing = True
        time.sleep(wait_s)

    @property
    def outstanding_message_count(self) -> int:
        """How many messages it holds, as Dramatiq's own consumers have it."""
        return self._messages.outstanding

    def _take_in(self) -> None:
        while (message := self._messages.next()) is not None:
            eta = message.options.get("eta")
            self._broker.emit_before("delay_message", message)
            due = eta if isinstance(eta, int | float) else 0
            heapq.heappush(self._due, (due, next(self._number), message))

    def _move_due(self) -> None:
        while self._due and self._due[0][0] <= current_millis():
            message = self._due[0][2]
            if self._moved is not message:
                moved = message.copy(queue_name=q_name(message.queue_name))
                moved.options.pop("eta", None)
                self._broker.enqueue(moved)
                # Should Redis fail now, the next turn says that it is done and does not send it again.
                self._moved = message
            self._broker.emit_before("ack", message)
            self._broker.do_ack(self._queue, message.options["redis_message_id"])
            self._messages.forget(message)
            heapq.heappop(self._due)
            self._broker.emit_after("ack", message)

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge a message, as Dramatiq's own consumers do; none of these was given out."""
        self._messages.done(message, failed=False)

    def nack(self, message: MessageProxy) -> None:
        """Reject a message."""
        self._messages.done(message, failed=True)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return messages to their queue."""
        self._messages.requeue(messages)

    def close(self) -> None:
        """Return what is held to where it came from."""
        held = [message for _, _, message in self._due if message is not self._moved]
        self._due.clear()
        self._messages.requeue(held)
