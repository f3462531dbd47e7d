"""The engine: where workflows are started and executions looked at. Wiring and public verbs, no logic."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from dramatiq import Worker

from spane.authoring.registry import Registry
from spane.authoring.registry import default as default_registry
from spane.authoring.workflow import Bound, Workflow
from spane.control import many, one_node
from spane.control.breakers import Breakers
from spane.control.dead_letters import DeadLetters
from spane.control.execution import Execution
from spane.control.listing import Filter, find
from spane.control.many import Ids, Stats
from spane.control.options import StartOptions, is_storable
from spane.control.starting import Starter, split, split_many
from spane.control.waiting import InProcess, Waiter
from spane.errors import EngineClosed, SubWorkflowFailed, UnknownExecution
from spane.model.state import ExecutionState
from spane.runtime import pools
from spane.runtime.broker import SpaneBroker
from spane.runtime.clients import blocking_client, close, command_client
from spane.runtime.clock import VirtualClock
from spane.runtime.in_process import InProcessBroker
from spane.runtime.keys import Keys
from spane.runtime.listener import Listener
from spane.runtime.node_broker import NodeBroker
from spane.runtime.pools import LimitView
from spane.runtime.session import Pace
from spane.runtime.store import Limits, Store
from spane.runtime.worker_process import WorkerOptions
from spane.settings import Settings

if TYPE_CHECKING:
    from spane.runtime.embedded import EmbeddedServer

__all__ = ["Engine", "Execution", "run_in_process"]

P = ParamSpec("P")
R = TypeVar("R")

_IN_PROCESS_THREADS = 4
_STOP_MS = 5_000


class Engine:
    """Where workflows are started. One engine stands on one store: Redis, an embedded one, or this process's memory.

    >>> with Engine.in_memory() as engine:
    ...     engine.start(fulfil, {"order_id": 7}).result(timeout_s=5)
    """

    settings: Settings
    registry: Registry
    store: Store
    broker: NodeBroker  #: the Dramatiq broker: for a worker in this process, and for a user's own actors
    breakers: Breakers  #: circuit breakers: list, look, reset
    dead_letters: DeadLetters  #: nodes that used up their attempts: list, show, retry, discard
    server: EmbeddedServer | None  #: what the embedded store runs on

    def __init__(
        self, redis_url: str | None = None, *, settings: Settings | None = None, registry: Registry | None = None
    ) -> None:
        settings = settings or (Settings(redis_url=redis_url) if redis_url else Settings())
        url = redis_url or settings.redis_url
        store = Store(command_client(url), Keys(settings.namespace), limits=limits_of(settings))
        broker = SpaneBroker(
            client=store.client,
            store=store,
            registry=registry,
            worker_options=worker_options_of(settings),
            default_queue=settings.default_queue,
        )
        self._assemble(settings, broker, Listener(store, blocking_client(url)))

    def _assemble(self, settings: Settings, broker: NodeBroker, waiter: Waiter) -> None:
        self.settings = settings
        self.broker = broker
        self.registry = broker.registry
        self.store = broker.store
        self._waiter = waiter
        self._starter = Starter(self.store)
        self.breakers = Breakers(self.store)
        self.dead_letters = DeadLetters(self.store)
        self._worker: Worker | None = None
        self._booting = threading.Lock()
        self._closed = False
        self.server = None

    @classmethod
    def embedded(
        cls, path: str | Path = ".spane", *, settings: Settings | None = None, registry: Registry | None = None
    ) -> Self:
        """Return an engine on a private Valkey that keeps its data under `path` and survives a restart.

        Executions that were running when the last process ended go on as soon as a worker runs (see `work`), at once
        where no other process uses the store, else when the lease of the one that ended has run out.
        """
        from spane.runtime.embedded import EmbeddedServer  # noqa: PLC0415 - only this setting starts a server
        from spane.runtime.embedded_sessions import take_over  # noqa: PLC0415

        settings = settings or Settings()
        keys, limits = Keys(settings.namespace), limits_of(settings)
        server = EmbeddedServer(Path(path))
        url = server.start(when_alone=lambda url: take_over(url, keys, limits))
        try:
            engine = cls(url, settings=settings.model_copy(update={"redis_url": url}), registry=registry)
        except BaseException:
            server.stop()
            raise
        engine.server = server
        return engine

    @classmethod
    def in_memory(
        cls, *, settings: Settings | None = None, registry: Registry | None = None, virtual_time: bool = False
    ) -> Self:
        """Return an engine inside this process, gone when it is closed. Its worker starts with the first execution.

        With `virtual_time` a wait (retry, delay) costs no real time: the clock jumps when nothing else can run.
        """
        import fakeredis  # noqa: PLC0415 - other settings need not wait for it

        settings = settings or Settings()
        store = Store(
            fakeredis.FakeRedis(protocol=2),
            Keys(settings.namespace),
            clock=VirtualClock(),
            limits=limits_of(settings),
            functions=False,
        )
        broker = InProcessBroker(
            store,
            registry=registry or default_registry,
            worker_options=worker_options_of(settings, in_process=True),
            default_queue=settings.default_queue,
        )
        engine = cls.__new__(cls)
        engine._assemble(settings, broker, InProcess(store, broker, virtual_time=virtual_time))  # noqa: SLF001 - it is our own
        return engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Starting.

    def register(self, workflow: Workflow[..., Any]) -> str:
        """Check a workflow, store its plan with those of the workflows that it calls, and return the plan's hash."""
        self.registry.add_workflow(workflow)
        for plan in workflow.kids:
            self.store.put_plan(plan)
        return self.store.put_plan(workflow.plan)

    @overload
    def start(self, workflow: Bound[R], inputs: None = None, **options: Any) -> Execution[R]: ...
    @overload
    def start(
        self, workflow: Workflow[P, R], inputs: Mapping[str, Any] | None = None, **options: Any
    ) -> Execution[R]: ...
    @overload
    def start(self, workflow: str, inputs: Mapping[str, Any] | None = None, **options: Any) -> Execution[Any]: ...
    def start(
        self, workflow: Workflow[..., Any] | Bound[Any] | str, inputs: Mapping[str, Any] | None = None, **options: Any
    ) -> Execution[Any]:
        """Start an execution.

        Args:
            workflow: a workflow, one bound to its inputs, or the name of one that this process has imported.
            inputs: its inputs by name.
            options: `priority` 1 to 10 (10 first, 5 unless given), `delay_s` or `at` (a datetime with a time zone),
                `deadline_s` (in place of its workflow's), `key` (the same key and inputs give the same execution), `tenant`,
                `tags`, `metadata`. A priority, a delay or a key that is not given, or None, is that of the workflow's
                definition (`priority`, `delay`, `jobId`), if it says one. With
                `throttle_s` a key starts one execution in so many seconds, which later starts give back; with `debounce_s`
                it begins when the key was not started for so long, with the inputs of the last start.

        Raises:
            UnknownWorkflow: no workflow of this process has that name.
            InputError: inputs or options do not fit; nothing was created.
            KeyConflict: the key belongs to an execution with other inputs.
            StoreFull, StoreUnavailable: Redis cannot take it.
        """
        chosen, given = split(workflow, inputs, self.registry)
        started = self._starter.start(chosen, given, StartOptions.of(options, chosen.draft.starts))
        self._serve(chosen)
        return self._handle(started, chosen)

    def start_many(
        self,
        workflow: Workflow[P, R] | str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        keys: Sequence[str | None] | None = None,
        **options: Any,
    ) -> list[Execution[R] | Exception]:
        """Start many executions of one workflow; index-aligned, with an error in place of an item that was not started.

        Such an item is bad, or Redis refused it (`StoreFull`), or its reply was lost (`StoreUnavailable`); the others
        run. With `keys`, one for each, all of them can be started again and none runs twice.
        """
        self._require_open()
        chosen, given = split_many(workflow, inputs, self.registry)
        defaults = chosen.draft.starts if keys is None else replace(chosen.draft.starts, key=None)
        started = self._starter.start_many(chosen, given, StartOptions.of(options, defaults), keys)
        self._serve(chosen)
        return [self._handle(one, chosen) if isinstance(one, str) else one for one in started]

    def run_node(self, workflow: Workflow[..., Any] | str, node_id: str, inputs: Mapping[str, Any]) -> Execution[Any]:
        """Run one node of a workflow by itself, as an execution of its own whose result is the node's.

        `inputs` are values by the names of its parameters. To run it on the results of an execution, see
        `Execution.run_node`.

        >>> engine.run_node(fulfil, "charge", {"order": {"id": 7}}).result(timeout_s=30)
        """
        chosen, _ = split(workflow, None, self.registry)
        new = one_node.of_workflow(self.store, chosen, node_id, inputs)
        self._serve(chosen)
        return self._handle(new.execution, new.workflow)

    # Looking.

    def get(self, execution_id: str) -> Execution[Any]:
        """Return the execution with this id; `UnknownExecution` if there is none."""
        name = self.store.fields(execution_id, "@wf")[0] if is_storable(execution_id) else None
        if name is None:
            raise UnknownExecution(execution_id)
        return self._handle(execution_id, self.registry.workflow(name))

    def signal(self, execution_id: str, name: str, data: Any = None, *, key: str | None = None) -> bool:
        """Send an event to an execution; see `Execution.signal`.

        >>> engine.signal(execution.id, "approved", {"by": "ada"})
        """
        return self.get(execution_id).signal(name, data, key=key)

    def _handle(self, execution_id: str, workflow: Workflow[..., Any] | None) -> Execution[Any]:
        return Execution(self.store, self._waiter, self.registry, execution_id, workflow)

    # Many at once.

    def executions(
        self,
        *,
        workflow: str | Workflow[..., Any] | None = None,
        status: str | Collection[str] | None = None,
        tenant: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        limit: int | None = None,
    ) -> list[Execution[Any]]:
        """Return executions, the newest first: those that have not ended or, with `status`, those that stand so.

        One that has ended is seen for as long as it is kept (SPANE_RETENTION_S, or longer by a dead letter). There is no
        index of those: asking for them walks the keys of the store.
        """
        which = Filter(workflow, status, tenant, started_after, started_before)
        found = find(self.store, which, limit)
        return [self._handle(one.execution, self.registry.workflow(one.workflow)) for one in found]

    def pause_many(
        self, executions: Ids | None = None, *, reason: str = "", **which: Any
    ) -> dict[str, int | Exception]:
        """Pause executions, by their ids or by a filter; `{id: attempts that may still end, or why it is not paused}`.

        A filter without a status takes those that are running or scheduled.
        """
        return many.pause(self.store, executions, which, reason)

    def resume_many(self, executions: Ids | None = None, **which: Any) -> dict[str, ExecutionState | Exception]:
        """Resume executions, by their ids or by a filter; `{id: its status now, or why it is not resumed}`.

        A filter without a status takes those that are paused.
        """
        return many.resume(self.store, executions, which)

    def cancel_many(
        self, executions: Ids | None = None, *, reason: str = "", **which: Any
    ) -> dict[str, int | Exception]:
        """Cancel executions, by their ids or by a filter; `{id: attempts that may still end, or why it is not cancelled}`.

        A filter without a status takes those that are scheduled, running, paused or failing.
        """
        return many.cancel(self.store, executions, which, reason)

    def stats(self) -> Stats:
        """Return lengths of queues and how much runs, waits for its time, and failed for good."""
        return many.stats(self.store)

    def limits(self) -> dict[str, LimitView]:
        """Return how limits stand: by node type, `@workflow`, or either with `/key`; `engine.limits()["charge"].waiting`."""
        return pools.limits(self.store)

    # Working.

    @contextmanager
    def work(self, threads: int = 8) -> Iterator[Worker]:
        """Run a Dramatiq worker in this process for as long as the `with` lasts.

        Raises:
            StoreUnavailable: Redis did not answer within 20 s; no worker runs.
        """
        self._require_open()
        worker = Worker(self.broker, worker_threads=threads, worker_timeout=100)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(round(self.settings.shutdown_grace_s * 1000))

    @property
    def worker(self) -> Worker:
        """The Dramatiq worker of an engine in memory; it runs from the first use, or the first start, on."""
        if not self._in_memory:
            raise TypeError(
                "Only an engine in memory has a worker of its own; use `work()`, or start one by `dramatiq`."
            )
        with self._booting:  # Threads that start the first executions together share one worker.
            if self._worker is None:
                self._require_open()
                worker = Worker(self.broker, worker_threads=_IN_PROCESS_THREADS, worker_timeout=10)
                worker.start()
                self._worker = worker
            return self._worker

    def advance(self, seconds: float) -> None:
        """Move the clock of an engine in memory; what becomes due runs."""
        if not isinstance(self._waiter, InProcess):
            raise TypeError("Only an engine in memory has a clock that can be advanced; Redis has its own.")
        self._require_open()
        self._waiter.advance(round(seconds * 1000))

    def _require_open(self) -> None:
        if self._closed:
            raise EngineClosed

    @property
    def _in_memory(self) -> bool:
        return isinstance(self.broker, InProcessBroker)

    def _serve(self, workflow: Workflow[..., Any]) -> None:
        """In memory, see to it that somebody works on what was started."""
        if self._in_memory:
            for queue in {queue for plan in (workflow.plan, *workflow.kids) for queue in plan.queues}:
                self.broker.declare_queue(queue)
            _ = self.worker

    def close(self) -> None:
        """Stop what this engine runs in this process and let go of its connections.

        After that, it and its executions raise `EngineClosed` for whatever needs the store.
        """
        if self._worker is not None:
            self._worker.stop(_STOP_MS)
            self._worker = None
        self._waiter.close()
        close(self.store.client)
        self._closed = True
        if self.server is not None:
            self.server.stop()
            self.server = None


def limits_of(settings: Settings) -> Limits:
    """Return what transitions need of the settings."""
    return Limits(
        lease_ms=round(settings.lease_s * 1000),
        retention_ms=round(settings.retention_s * 1000),
        dead_letter_retention_ms=round(settings.dead_letter_retention_s * 1000),
        inline_value_bytes=settings.inline_value_bytes,
        max_value_bytes=settings.max_value_bytes,
        events_kept=settings.events_kept,
        ageing_ms=round((settings.priority_ageing_s or 0) * 1000),
    )


def worker_options_of(settings: Settings, *, in_process: bool = False) -> WorkerOptions:
    """Return what a worker process needs of the settings."""
    return WorkerOptions(
        pace=Pace(renew_s=settings.renew_s, sweep_s=settings.sweep_s),
        grace_s=settings.shutdown_grace_s,
        async_concurrency=settings.async_concurrency,
        in_process=in_process,
    )


def run_in_process(workflow: Workflow[..., R], inputs: Mapping[str, Any]) -> R:
    """Run a workflow as a whole in this process and return its result; a node's own exception is raised again."""
    with Engine.in_memory() as engine:
        execution = engine.start(workflow, inputs)
        if execution.wait() is ExecutionState.FAILED:
            own = engine.broker.exception_of(execution.id)
            while isinstance(own, SubWorkflowFailed) and (below := engine.broker.exception_of(own.child)):
                own = below
            if own is not None:
                raise own
        result: R = execution.result()
        return result
