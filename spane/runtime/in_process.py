"""The broker for tests and for calling a workflow: Dramatiq's stub broker, with nodes from an in-process store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from dramatiq import Consumer, Message, MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import dq_name
from dramatiq.errors import QueueJoinTimeout
from dramatiq.middleware import Middleware

from spane.authoring.registry import Registry
from spane.runtime import pending, stream
from spane.runtime.consumer import NodeConsumer
from spane.runtime.node_broker import NodeBroker
from spane.runtime.store import Store
from spane.runtime.worker_process import WorkerOptions


class InProcessBroker(NodeBroker, StubBroker):
    """Dramatiq's stub broker, with nodes from an in-process store: for tests and for calling a workflow."""

    def __init__(
        self,
        store: Store,
        *,
        registry: Registry | None = None,
        worker_options: WorkerOptions | None = None,
        default_queue: str = "default",
        middleware: list[Middleware] | None = None,
    ) -> None:
        self._node_hooks = {}
        super().__init__(middleware)
        self._set_up_nodes(store, registry, worker_options or WorkerOptions(in_process=True), default_queue)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 100) -> Consumer:
        """Return a consumer of one queue."""
        stock = super().consume(queue_name, prefetch, timeout)
        if self.process is None or queue_name.endswith(".DQ"):
            return stock
        return NodeConsumer(self.process, _StubMessages(stock), queue_name, timeout)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a user's message and wake the worker."""
        sent = super().enqueue(message, delay=delay)
        if self.process is not None:
            self.process.pump.wake()
        return sent

    def join(self, queue_name: str, *, timeout: int | None = None, fail_fast: bool | None = None) -> None:
        """Wait until the queue's messages, and every node that can run now, have come to their end."""
        deadline = time.monotonic() + timeout / 1000 if timeout else None
        while True:
            left = None if deadline is None else max(1, int((deadline - time.monotonic()) * 1000))
            super().join(queue_name, timeout=left, fail_fast=fail_fast)
            if self.quiet() and not any(
                queue.unfinished_tasks for queue in (self.queues[queue_name], self.queues[dq_name(queue_name)])
            ):
                return
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueJoinTimeout(queue_name)
            time.sleep(0.001)

    def quiet(self) -> bool:
        """Tell whether no node is queued, leased, due or waiting to be committed."""
        if self.process is None:
            return pending.nothing_queued(self.store)
        # The looks below are several; that no event came meanwhile, and no exchange, says that nothing fell between them.
        pump, last = self.process.pump, stream.last_id(self.store)
        exchanges = pump.exchanges
        due_ms = pending.next_due_ms(self.store)
        return (
            exchanges is not None
            and pump.in_flight == 0
            and pending.nothing_queued(self.store)
            and (due_ms is None or due_ms > 0)
            and stream.last_id(self.store) == last
            and pump.exchanges == exchanges
        )

    def at_rest(self) -> bool:
        """Tell whether it is quiet, and no message of a user's own actors is left but delayed ones."""
        return self.quiet() and not any(
            queue.unfinished_tasks for name, queue in self.queues.items() if name not in self.delay_queues
        )

    def wait_quiet(self, timeout_s: float, enough: Callable[[], bool]) -> bool:
        """Wait until nothing can run, or `enough` says so; False when the time is over first."""
        deadline = time.monotonic() + timeout_s
        while not self.quiet():
            if enough() or time.monotonic() >= deadline:
                return False
            time.sleep(0.001)
        return True


class _StubMessages:
    """Messages of a stub queue, taken without waiting."""

    def __init__(self, stock: Any) -> None:
        self._stock = stock
        stock.timeout = 0.01

    @property
    def outstanding(self) -> int:
        """How many messages of the queue are not acknowledged yet."""
        unfinished: int = self._stock.queue.unfinished_tasks
        return unfinished

    def next(self) -> MessageProxy | None:
        """Return the next message if there is one."""
        return None if self._stock.queue.empty() else next(self._stock)

    def look(self) -> None:
        """Do nothing: looking costs nothing here."""

    def done(self, message: MessageProxy, *, failed: bool) -> None:
        """Acknowledge or reject a message."""
        (self._stock.nack if failed else self._stock.ack)(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return unprocessed messages to their queue."""
        self._stock.requeue(messages)
