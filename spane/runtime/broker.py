"""The brokers: Dramatiq's own, with a consumer that also brings nodes.

`SpaneBroker` is Dramatiq's `RedisBroker`: a user's own actors, middleware and options work as ever. Its consumer asks
the pump for nodes and Dramatiq's queues for messages. `InProcessBroker` is the same over Dramatiq's `StubBroker`.

Only this module, the consumer below and `lua/recover_messages.lua` know how Dramatiq keeps messages in Redis.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import redis
from dramatiq import Broker, Consumer, Message, MessageProxy, Worker
from dramatiq.actor import Actor
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import current_millis, dq_name
from dramatiq.errors import ConnectionClosed, DecodeError, QueueJoinTimeout
from dramatiq.middleware import (
    AgeLimit,
    Callbacks,
    Middleware,
    MiddlewareError,
    Pipelines,
    Retries,
    ShutdownNotifications,
    TimeLimit,
)

from spane.authoring.registry import Registry
from spane.authoring.registry import default as default_registry
from spane.ops.services import Service
from spane.runtime.clients import translate
from spane.runtime.keys import Keys
from spane.runtime.middleware import Attempts, NodeLifecycle
from spane.runtime.store import Store
from spane.runtime.worker_process import UNKNOWN_ACTOR, WorkerOptions, WorkerProcess

if TYPE_CHECKING:
    Mixed = Broker
else:
    Mixed = object

#: Dramatiq's default middleware has nothing to say about nodes (their actors switch it off), so their hooks are left out.
_NOT_FOR_NODES = (AgeLimit, Callbacks, Pipelines, Retries, ShutdownNotifications, TimeLimit)
_STOCK_LOOK_S = 1.0
_RECOVERY_S = 15.0

_logger = logging.getLogger("spane.broker")


class NodeBroker(Mixed):
    """What both brokers share: the process that runs nodes, and hooks that nodes' messages pass without detours."""

    store: Store
    registry: Registry
    worker_options: WorkerOptions
    process: WorkerProcess | None
    default_queue: str

    def _set_up_nodes(
        self, store: Store, registry: Registry | None, options: WorkerOptions | None, default_queue: str
    ) -> None:
        self.store = store
        self.registry = registry or default_registry
        self.worker_options = options or WorkerOptions()
        self.default_queue = default_queue
        self.process = None
        self._workers = 0
        self._node_hooks: dict[str, list[Any]] = {}
        for middleware in (NodeLifecycle(), Attempts()):
            self.add_middleware(middleware)

    def open_process(self, worker: Worker) -> WorkerProcess:
        """Open this process's node-running half, for a Dramatiq worker that boots; a second worker shares it."""
        self._workers += 1
        if self.process is not None:
            self.process.pump.threads += worker.worker_threads
            return self.process
        self.process = WorkerProcess(
            self, self.store, self.registry, self.worker_options, threads=worker.worker_threads
        )
        if UNKNOWN_ACTOR not in self.actors:
            Actor(
                self.process.run_claim,
                broker=self,
                actor_name=UNKNOWN_ACTOR,
                queue_name=self.default_queue,
                priority=0,
                options={},
            )
        self.actors[UNKNOWN_ACTOR].fn = self.process.run_claim
        self.process.boot()
        return self.process

    def drain_process(self) -> None:
        """Claim nothing more, unless another worker goes on."""
        if self.process is not None and self._workers == 1:
            self.process.stop_claiming()

    def exception_of(self, execution: str) -> BaseException | None:
        """In process: return the exception that ended an execution, the user's own object."""
        bad = self.store.fields(execution, "@bad")[0]
        return None if self.process is None or bad is None else self.process.exceptions.get((execution, bad))

    def close_process(self) -> None:
        """Close it, once the last worker has stopped."""
        self._workers -= 1
        if self.process is not None and self._workers == 0:
            process, self.process = self.process, None
            process.shut_down()

    def services(self) -> list[Service]:
        """Return what else has to be done again and again in a process of this broker."""
        return []

    def add_middleware(self, middleware: Middleware, **where: Any) -> None:
        super().add_middleware(middleware, **where)
        self._node_hooks = {}

    def _hooks(self, signal: str) -> list[Any]:
        """Return the hooks of one signal that a node's message has to pass, in order."""
        found = self._node_hooks.get(signal)
        if found is None:
            found = self._node_hooks[signal] = [
                getattr(middleware, signal)
                for middleware in self.middleware
                if not isinstance(middleware, _NOT_FOR_NODES)
                and getattr(type(middleware), signal, None) is not getattr(Middleware, signal)
            ]
        return found

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        if args and isinstance(args[0], MessageProxy) and "spane" in args[0].options:
            for hook in self._hooks("before_" + signal):
                try:
                    hook(self, *args, **kwargs)
                except MiddlewareError:
                    raise
                except Exception:
                    self.logger.critical("Unexpected failure in %s of %r.", signal, hook, exc_info=True)
        else:
            super().emit_before(signal, *args, **kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        if args and isinstance(args[0], MessageProxy) and "spane" in args[0].options:
            for hook in reversed(self._hooks("after_" + signal)):
                try:
                    hook(self, *args, **kwargs)
                except Exception:
                    self.logger.critical("Unexpected failure in %s of %r.", signal, hook, exc_info=True)
        else:
            super().emit_after(signal, *args, **kwargs)


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
        if self.process is None or queue_name.endswith(".DQ"):
            return super().consume(queue_name, prefetch, timeout)
        return NodeConsumer(self.process, _Messages(self, queue_name, prefetch), queue_name, timeout)

    def services(self) -> list[Service]:
        """Return the recovery of messages that a dead process had fetched."""
        return [Service("messages", self._recover_messages, _RECOVERY_S)]

    def _recover_messages(self) -> float:
        queues = [name for queue in self.queues for name in (queue, dq_name(queue))]
        script = self.store.scripts["recover_messages"]
        try:
            self.client.eval(script.text, 1, self.namespace, current_millis(), self.heartbeat_timeout, *queues)
        except redis.RedisError as error:
            raise translate(error) from error
        return _RECOVERY_S

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a user's message, and wake an idle worker for it."""
        sent = super().enqueue(message, delay=delay)
        if delay is None:
            self.client.lpush(self.store.keys.wake(message.queue_name), "1")
        return sent


class Messages(Protocol):
    """Messages of a user's own actors on one queue."""

    def next(self) -> MessageProxy | None:
        """Return the next message if there is one, without waiting."""

    def look(self) -> None:
        """Look for messages at the next turn."""

    def done(self, message: MessageProxy, *, failed: bool) -> None:
        """Acknowledge or reject a message."""

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return unprocessed messages to their queue."""


class _Messages:
    """Messages of a user's own actors on one queue, fetched without sleeping."""

    def __init__(self, broker: SpaneBroker, queue: str, prefetch: int) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch = prefetch
        self._fetched: deque[bytes] = deque()
        self._held: set[str] = set()
        self._looked_at = 0.0
        self._more = True

    def next(self) -> MessageProxy | None:
        """Return the next message if there is one; asks Redis only while there are some, and once a second."""
        if not self._fetched:
            room = self._prefetch - len(self._held)
            now = time.monotonic()
            if room <= 0 or not (self._more or now >= self._looked_at + _STOCK_LOOK_S):
                return None
            self._looked_at = now
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
        for raw in broker.client.smembers(acks):
            message_id = raw.decode(errors="replace")
            if message_id not in self._held and broker.client.hget(f"{broker.namespace}:{queue}.msgs", raw) == data:
                _logger.error(
                    "Message %r of queue %r cannot be decoded and is a dead letter now: %.200r", message_id, queue, data
                )
                broker.do_nack(queue, raw)

    def look(self) -> None:
        """Ask Redis at the next turn."""
        self._more = True

    def done(self, message: MessageProxy, *, failed: bool) -> None:
        """Acknowledge or reject a message."""
        do = self._broker.do_nack if failed else self._broker.do_ack
        try:
            do(self._queue, message.options["redis_message_id"])
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None
        finally:
            self._held.discard(message.message_id)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return unprocessed messages to their queue."""
        ids = [message.options["redis_message_id"] for message in messages]
        if ids:
            self._broker.do_requeue(self._queue, *ids)


def _decoded(data: bytes) -> Message[Any] | None:
    try:
        message: Message[Any] = Message.decode(data)
    except DecodeError:
        return None
    return message if "redis_message_id" in message.options else None


class NodeConsumer(Consumer):
    """Brings messages of one queue and, by way of the process's pump, nodes of all queues."""

    def __init__(self, process: WorkerProcess, messages: Messages, queue: str, timeout: int) -> None:
        self._process = process
        self._messages = messages
        self._timeout_s = timeout / 1000
        if queue not in process.pump.queues:
            process.pump.queues = (*process.pump.queues, queue)

    def __next__(self) -> MessageProxy | None:
        try:
            message = self._messages.next()
        except redis.RedisError:
            message = None  # The pump reports and reconnects; messages come back when Redis does.
        if message is not None:
            return message
        claim = self._process.pump.next(min(self._timeout_s, _STOCK_LOOK_S))
        if claim is None:
            if self._process.pump.heard:
                self._messages.look()
            return None
        return self._process.message_of(claim)

    def ack(self, message: MessageProxy) -> None:
        if "spane" in message.options:
            self._process.finish(message)
        else:
            self._messages.done(message, failed=False)

    def nack(self, message: MessageProxy) -> None:
        if "spane" in message.options:
            self._process.finish(message)
        else:
            self._messages.done(message, failed=True)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        theirs = []
        for message in messages:
            if "spane" in message.options:
                self._process.pump.give_back([message.args[0]])
            else:
                theirs.append(message)
        self._messages.requeue(theirs)

    def close(self) -> None:
        self._process.pump.yield_turn()


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
            return self.store.nothing_queued()
        # The looks below are several; that no event came meanwhile says that no commit and no claim fell between them.
        last = self.store.last_event()
        due_ms = self.store.next_due_ms()
        return (
            self.process.pump.in_flight == 0
            and self.store.nothing_queued()
            and (due_ms is None or due_ms > 0)
            and self.store.last_event() == last
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
