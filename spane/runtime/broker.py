"""Dramatiq's own Redis broker, with nodes beside a user's messages.

A user's actors, middleware and options work as ever. What differs is the consumer: it asks the pump for nodes and
Dramatiq's queues for messages, and sleeps in Redis instead of polling.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from dramatiq import Consumer, Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis, dq_name

from spane.authoring.registry import Registry
from spane.errors import StoreError
from spane.ops.services import Service
from spane.runtime.consumer import NodeConsumer
from spane.runtime.delayed import DelayedConsumer
from spane.runtime.keys import Keys
from spane.runtime.messages import RedisMessages
from spane.runtime.node_broker import NodeBroker
from spane.runtime.store import Store
from spane.runtime.worker_process import WorkerOptions

_RECOVERY_S = 15.0


class SpaneBroker(NodeBroker, RedisBroker):
    """Dramatiq's Redis broker, with nodes beside a user's own messages.

    Takes what `RedisBroker` takes. `store` is where nodes are; without it they share the broker's client and stand
    under the namespace `s`.
    """

    def __init__(
        self,
        *,
        store: Store | None = None,
        registry: Registry | None = None,
        worker_options: WorkerOptions | None = None,
        default_queue: str = "default",
        **options: Any,
    ) -> None:
        options.setdefault("maintenance_chance", 0)
        self._node_hooks = {}
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._set_up_nodes(store or Store(self.client, Keys()), registry, worker_options, default_queue)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Return a consumer of one queue: of nodes and of messages, or of delayed messages only."""
        if queue_name.endswith(".DQ"):
            return DelayedConsumer(self, queue_name, prefetch, timeout)
        if self.process is None:
            return super().consume(queue_name, prefetch, timeout)
        return NodeConsumer(self.process, RedisMessages(self, queue_name, prefetch), queue_name, timeout)

    def services(self) -> list[Service]:
        """Return the recovery of messages that a dead process had fetched."""
        return [Service("messages", self._recover_messages, _RECOVERY_S)]

    def _recover_messages(self) -> float:
        queues = [name for queue in self.queues for name in (queue, dq_name(queue))]
        self.store.call("recover_messages", current_millis(), self.heartbeat_timeout, *queues, on=self.namespace)
        return _RECOVERY_S

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a user's message, and wake an idle worker for it."""
        sent = super().enqueue(message, delay=delay)
        if delay is None:
            with suppress(StoreError):  # The message is there; a token is a hint, and workers look each second.
                self.store.wake(message.queue_name)
        return sent
