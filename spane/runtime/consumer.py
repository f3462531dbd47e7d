"""The consumer: brings a user's own messages of one queue and, by way of the pump, nodes of all queues."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import redis
from dramatiq import Broker, Consumer, MessageProxy

from spane.runtime.worker_process import WorkerProcess

#: A message sent past this engine's broker wakes nobody, so queues are looked at this often.
LOOK_S = 1.0


class Messages(Protocol):
    """Messages of a user's own actors on one queue."""

    @property
    def outstanding(self) -> int:
        """How many messages were fetched and not acknowledged yet."""

    def next(self) -> MessageProxy | None:
        """Return the next message if there is one, without waiting."""

    def look(self) -> None:
        """Look for messages at the next turn."""

    def done(self, message: MessageProxy, *, failed: bool) -> None:
        """Acknowledge or reject a message."""

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return unprocessed messages to their queue."""


class NodeConsumer(Consumer):
    """Brings messages of one queue and, by way of the process's pump, nodes of all queues."""

    def __init__(self, process: WorkerProcess, messages: Messages, queue: str, timeout: int) -> None:
        self._process = process
        self._messages = messages
        self._timeout_s = timeout / 1000
        if queue not in process.pump.queues:
            process.pump.queues = (*process.pump.queues, queue)

    def __next__(self) -> MessageProxy | None:
        """Return the next message or node, waiting for one as long as Dramatiq asked."""
        try:
            message = self._messages.next()
        except redis.RedisError:
            message = None  # The pump reports and reconnects; messages come back when Redis does.
        if message is not None:
            return message
        claim = self._process.pump.next(min(self._timeout_s, LOOK_S))
        if claim is None:
            if self._process.pump.heard:
                self._messages.look()
            return None
        return self._process.message_of(claim)

    @property
    def broker(self) -> Broker:
        """The broker this consumer came from, as Dramatiq's own consumers have it."""
        return self._process.broker

    @property
    def outstanding_message_count(self) -> int:
        """How many messages of a user's own actors it holds, as Dramatiq's own consumers have it."""
        return self._messages.outstanding

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge a message; for a node, hand its outcome to the pump."""
        if "spane" in message.options:
            self._process.finish(message)
        else:
            self._messages.done(message, failed=False)

    def nack(self, message: MessageProxy) -> None:
        """Reject a message; for a node, hand its outcome to the pump."""
        if "spane" in message.options:
            self._process.finish(message)
        else:
            self._messages.done(message, failed=True)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return what was not processed to where it came from."""
        theirs = []
        for message in messages:
            if "spane" in message.options:
                self._process.pump.give_back([message.args[0]])
            else:
                theirs.append(message)
        self._messages.requeue(theirs)

    def close(self) -> None:
        """Let another consumer drive the pump."""
        self._process.pump.yield_turn()
