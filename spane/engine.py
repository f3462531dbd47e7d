"""The engine: where workflows are started and executions looked at. Wiring and public verbs, no logic."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

import redis
from dramatiq import Worker

from spane.authoring.registry import Registry
from spane.authoring.registry import default as default_registry
from spane.authoring.workflow import Bound, Workflow
from spane.control import reading
from spane.control.reading import NodeView
from spane.control.starting import Starter, StartOptions, split
from spane.errors import ExecutionStalled, IllegalTransition, ResultTimeout, UnknownExecution
from spane.model.event import Event
from spane.model.state import ExecutionState
from spane.runtime.broker import InProcessBroker, NodeBroker, SpaneBroker
from spane.runtime.clients import blocking_client, command_client, translate
from spane.runtime.clock import VirtualClock
from spane.runtime.keys import Keys
from spane.runtime.store import Limits, Store
from spane.runtime.worker_process import WorkerOptions
from spane.settings import Settings

if TYPE_CHECKING:
    from spane.runtime.embedded import EmbeddedServer

P = ParamSpec("P")
R = TypeVar("R")

_WAIT_TURN_S = 1.0


class Execution(Generic[R]):
    """One run of a workflow: a handle by id, that asks the store at every call and keeps nothing."""

    def __init__(self, engine: Engine, execution_id: str, workflow: Workflow[..., R] | None = None) -> None:
        self.id = execution_id
        self.workflow = workflow
        self._engine = engine

    def __repr__(self) -> str:
        return f"<execution {self.id}>"

    def status(self) -> ExecutionState:
        """Return where the execution stands."""
        return ExecutionState(self._engine.store.status(self.id))

    def wait(self, timeout_s: float | None = None) -> ExecutionState:
        """Wait until the execution has ended, and return how; `ResultTimeout` if it has not in time."""
        return self._engine.wait_for(self.id, timeout_s)

    def result(self, timeout_s: float | None = None) -> R:
        """Wait for the execution's end and return what its workflow returns.

        Raises:
            ExecutionFailed: a node used up its attempts; the message holds the user's own traceback.
            ExecutionCancelled: it was cancelled.
            ResultTimeout: it has not ended in time; it goes on.
        """
        self.wait(timeout_s)
        raw = reading.result(self._engine.store, self.id)
        if raw is None or self.workflow is None:
            return cast("R", reading.value_of(raw))
        return cast("R", self.workflow.decode_result(raw))

    def nodes(self) -> dict[str, NodeView]:
        """Return where every node stands, in plan order."""
        return reading.nodes(self._engine.store, self.id)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of all nodes that succeeded, as plain JSON values by node id."""
        stored = self._engine.store.outputs(self.id, list(self.nodes()))
        return {node: reading.value_of(raw) for node, raw in stored.items() if not raw.startswith(b"!")}

    def cancel(self, reason: str = "") -> int:
        """Cancel the execution; nothing new starts. Returns how many attempts are still running and may finish."""
        code, detail = self._engine.store.cancel(self.id, reason)
        if code == "unknown":
            raise UnknownExecution(self.id)
        if code == "illegal":
            raise IllegalTransition(self.id, "cancel", detail.decode())
        return int(detail)

    def events(self, *, follow: bool = False) -> Iterator[Event]:
        """Yield the execution's events, oldest first; with `follow`, until its terminal one."""
        return self._engine.follow(self.id) if follow else reading.events(self._engine.store, self.id)


class Engine:
    """Where workflows are started. One engine stands on one store: Redis, an embedded one, or this process's memory.

    >>> with Engine.in_memory() as engine:
    ...     engine.start(fulfil, {"order_id": 7}).result(timeout_s=5)
    """

    def __init__(
        self, redis_url: str | None = None, *, settings: Settings | None = None, registry: Registry | None = None
    ) -> None:
        self.settings = settings or (Settings(redis_url=redis_url) if redis_url else Settings())
        url = redis_url or self.settings.redis_url
        self.registry = registry or default_registry
        self._set_up(command_client(url), blocking_client(url))

    def _set_up(
        self, client: redis.Redis, waiting: redis.Redis, *, clock: VirtualClock | None = None, in_process: bool = False
    ) -> None:
        settings = self.settings
        self._waiting = waiting
        self._in_process = in_process
        self._server: EmbeddedServer | None = None
        self._broker: NodeBroker | None = None
        self._worker: Worker | None = None
        self.store = Store(
            client, Keys(settings.namespace), clock=clock, limits=limits_of(settings), shebang=not in_process
        )
        self._starter = Starter(self.store)

    @classmethod
    def embedded(cls, path: str | Path = ".spane", *, settings: Settings | None = None, registry: Registry | None = None) -> Engine:
        """Return an engine on a private Valkey that keeps its data under `path` and survives a restart.

        Executions that were running when the last process ended go on as soon as a worker runs (see `work`).
        """
        from spane.runtime.embedded import EmbeddedServer

        server = EmbeddedServer(Path(path))
        url = server.start()
        try:
            engine = cls(url, settings=(settings or Settings()).model_copy(update={"redis_url": url}), registry=registry)
        except BaseException:
            server.stop()
            raise
        engine._server = server
        return engine

    @classmethod
    def in_memory(cls, *, settings: Settings | None = None, registry: Registry | None = None, virtual_time: bool = False) -> Engine:
        """Return an engine inside this process, gone when it is closed. Its worker starts with the first execution.

        With `virtual_time` a wait (retry, delay) costs no real time: the clock jumps when nothing else can run.
        """
        import fakeredis

        engine = cls.__new__(cls)
        engine.settings = settings or Settings()
        engine.registry = registry or default_registry
        client = fakeredis.FakeRedis(protocol=2)
        engine._set_up(client, client, clock=VirtualClock(), in_process=True)
        engine._virtual_time = virtual_time
        return engine

    _virtual_time = False

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Starting.

    def register(self, workflow: Workflow[..., Any]) -> str:
        """Check a workflow, store its plan, and return the plan's hash."""
        self.registry.add_workflow(workflow)
        return self.store.put_plan(workflow.plan)

    @overload
    def start(self, workflow: Bound[R], inputs: None = None, **options: Any) -> Execution[R]: ...
    @overload
    def start(self, workflow: Workflow[P, R], inputs: Mapping[str, Any] | None = None, **options: Any) -> Execution[R]: ...
    def start(
        self,
        workflow: Workflow[..., Any] | Bound[Any],
        inputs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Execution[Any]:
        """Start an execution.

        Args:
            workflow: a workflow, or one bound to its inputs.
            inputs: its inputs by name.
            options: `priority` 1 to 10 (10 first, 5 unless given), `delay_s`, `key` (the same key and inputs give
                the same execution), `tenant`, `tags`, `metadata`.

        Raises:
            InputError: inputs or options do not fit; nothing was created.
            KeyConflict: the key belongs to an execution with other inputs.
            StoreFull, StoreUnavailable: Redis cannot take it.
        """
        chosen, given = split(workflow, inputs)
        started = self._starter.start(chosen, given, StartOptions(**options))
        self._ensure_worker(chosen)
        return Execution(self, started, chosen)

    def start_many(
        self, workflow: Workflow[P, R], inputs: Sequence[Mapping[str, Any]], **options: Any
    ) -> list[Execution[R] | Exception]:
        """Start many executions of one workflow; index-aligned, with an error in place of an item that is bad."""
        started = self._starter.start_many(workflow, inputs, StartOptions(**options))
        self._ensure_worker(workflow)
        return [Execution(self, one, workflow) if isinstance(one, str) else one for one in started]

    # Looking.

    def get(self, execution_id: str) -> Execution[Any]:
        """Return the execution with this id; `UnknownExecution` if there is none."""
        name = self.store.fields(execution_id, "@wf")[0]
        if name is None:
            raise UnknownExecution(execution_id)
        return Execution(self, execution_id, self.registry.workflow(name))

    def executions(self) -> list[Execution[Any]]:
        """Return the executions that have not ended."""
        return [self.get(execution_id) for execution_id in self.store.active()]

    def wait_for(self, execution_id: str, timeout_s: float | None) -> ExecutionState:
        """Wait until an execution has ended; used by `Execution.wait`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            status = ExecutionState(self.store.status(execution_id))
            if status.ended:
                return status
            left = _WAIT_TURN_S if deadline is None else min(_WAIT_TURN_S, deadline - time.monotonic())
            if left <= 0:
                raise ResultTimeout(execution_id, timeout_s or 0, status)
            if self._in_process:
                self._move_on(execution_id, left)
            else:
                self._listen(execution_id, left)

    def _listen(self, execution_id: str, timeout_s: float) -> None:
        key = self.store.keys.waiter(execution_id)
        try:
            # The token goes back at once, so that everybody who waits is told.
            if self._waiting.blpop([key], max(0.01, timeout_s)):
                self._waiting.rpush(key, "1")
                self._waiting.pexpire(key, 60_000)
        except redis.RedisError as error:
            raise translate(error) from error

    def _move_on(self, execution_id: str, timeout_s: float) -> None:
        """In process: let the worker come to rest; then, with virtual time, jump to the next timer."""
        broker = self.broker
        assert isinstance(broker, InProcessBroker)
        _ = self.worker
        if not broker.wait_quiet(timeout_s, lambda: ExecutionState(self.store.status(execution_id)).ended):
            return
        if ExecutionState(self.store.status(execution_id)).ended:
            return
        due_ms = self.store.next_due_ms()
        if due_ms is None:
            raise ExecutionStalled(self._why_stalled(execution_id), execution=execution_id)
        if self._virtual_time:
            self.advance(max(0, due_ms) / 1000)
        else:
            time.sleep(min(timeout_s, max(0, due_ms) / 1000, 0.05))

    def _why_stalled(self, execution_id: str) -> str:
        states = reading.nodes(self.store, execution_id)
        waiting = ", ".join(f"{view.id} ({view.state})" for view in states.values() if not view.state.ended)
        unfit = "; ".join(self.store.unfit().values())
        return (
            f"Execution {execution_id!r} cannot go on: nothing runs and nothing is due, but these nodes have not ended: "
            f"{waiting}. {unfit or 'Register the node types that they need.'}"
        )

    def advance(self, seconds: float) -> None:
        """Move the clock of an in-process engine; what becomes due runs."""
        clock = self.store.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("Only an engine in memory has a clock that can be advanced; Redis has its own.")
        clock.advance(round(seconds * 1000))
        if self._broker is not None and self._broker.process is not None:
            self._broker.process.pump.wake()

    def follow(self, execution_id: str) -> Iterator[Event]:
        """Yield an execution's events as they come, until its terminal one."""
        seen = None
        while True:
            source = reading.events(self.store, execution_id) if seen is None else self.store.events(seen)
            for event in source:
                seen = event.id
                if event.execution == execution_id:
                    yield event
                    if event.kind.terminal:
                        return
            self.store.await_events(self._waiting, seen, _WAIT_TURN_S if not self._in_process else 0.02)

    # Working.

    @property
    def broker(self) -> NodeBroker:
        """The Dramatiq broker of this engine: for a worker in this process, and for a user's own actors."""
        if self._broker is None:
            options = worker_options_of(self.settings, in_process=self._in_process)
            if self._in_process:
                self._broker = InProcessBroker(self.store, registry=self.registry, worker_options=options)
            else:
                self._broker = SpaneBroker(
                    client=self.store.client, store=self.store, registry=self.registry, worker_options=options
                )
        return self._broker

    @contextmanager
    def work(self, threads: int = 8) -> Iterator[Worker]:
        """Run a Dramatiq worker in this process for as long as the `with` lasts."""
        worker = Worker(self.broker, worker_threads=threads, worker_timeout=20 if self._in_process else 100)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(round(self.settings.shutdown_grace_s * 1000))

    @property
    def worker(self) -> Worker:
        """The Dramatiq worker of an engine in memory; it runs from the first use, or the first start, on."""
        if not self._in_process:
            raise TypeError("Only an engine in memory has a worker of its own; use `work()`, or start one by `dramatiq`.")
        if self._worker is None:
            self._worker = Worker(self.broker, worker_threads=4, worker_timeout=20)
            self._worker.start()
        return self._worker

    def _ensure_worker(self, workflow: Workflow[..., Any]) -> None:
        if self._in_process:
            for queue in {node.queue for node in workflow.plan.nodes}:
                self.broker.declare_queue(queue)
            _ = self.worker

    def close(self) -> None:
        """Stop what this engine runs in this process and let go of its connections."""
        if self._worker is not None:
            self._worker.stop(5000)
            self._worker = None
        self.store.client.close()
        self._waiting.close()
        if self._server is not None:
            self._server.stop()
            self._server = None


def limits_of(settings: Settings) -> Limits:
    """Return what transitions need of the settings."""
    return Limits(
        lease_ms=round(settings.lease_s * 1000),
        retention_ms=round(settings.retention_s * 1000),
        dead_letter_retention_ms=round(settings.dead_letter_retention_s * 1000),
        inline_value_bytes=settings.inline_value_bytes,
        max_value_bytes=settings.max_value_bytes,
        events_kept=settings.events_kept,
    )


def worker_options_of(settings: Settings, *, in_process: bool = False) -> WorkerOptions:
    """Return what a worker process needs of the settings."""
    return WorkerOptions(
        renew_s=settings.renew_s,
        sweep_s=settings.sweep_s,
        grace_s=settings.shutdown_grace_s,
        async_concurrency=settings.async_concurrency,
        in_process=in_process,
    )


def run_in_process(workflow: Workflow[..., R], inputs: Mapping[str, Any]) -> R:
    """Run a workflow as a whole in this process and return its result; a node's own exception is raised again."""
    with Engine.in_memory() as engine:
        execution = engine.start(workflow, inputs)
        if execution.wait() is ExecutionState.FAILED:
            process = engine.broker.process
            bad = engine.store.fields(execution.id, "@bad")[0]
            own = process.exceptions.get((execution.id, bad)) if process is not None else None
            if own is not None:
                raise own
        return cast("R", execution.result())
