"""What the brokers share: the process that runs nodes, and hooks that nodes' messages pass without detours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dramatiq import Broker, MessageProxy, Worker
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
from dramatiq.worker import _WorkerMiddleware

from spane.authoring.registry import Registry
from spane.authoring.registry import default as default_registry
from spane.errors import SpaneError
from spane.ops.services import Service
from spane.runtime.middleware import Attempts, NodeLifecycle
from spane.runtime.stopping import chain_sigterm
from spane.runtime.store import Store
from spane.runtime.worker_process import WorkerOptions, WorkerProcess

if TYPE_CHECKING:
    Mixed = Broker
else:
    Mixed = object

#: Dramatiq's default middleware has nothing to say about nodes (their actors switch it off), so their hooks are left out.
_NOT_FOR_NODES = (AgeLimit, Callbacks, Pipelines, Retries, ShutdownNotifications, TimeLimit)


class NodeBroker(Mixed):
    """Mixed into a Dramatiq broker, it makes the broker carry nodes."""

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
        #: Told why a worker does not boot, before that is raised; a process that is nothing else may end itself here.
        self.boot_failed: Callable[[SpaneError], None] = lambda error: None
        self._workers = 0
        self._node_hooks: dict[str, list[Any]] = {}
        for middleware in (NodeLifecycle(), Attempts()):
            self.add_middleware(middleware)

    def open_process(self, worker: Worker) -> WorkerProcess:
        """Open this process's node-running half, for a Dramatiq worker that boots; a second worker shares it.

        Raises:
            StoreError: Redis did not answer in time, or cannot be used; nothing is left open.
        """
        if self.process is None:
            self.process = self._booted(worker.worker_threads)
        else:
            self.process.pump.holdings.threads += worker.worker_threads
        self._workers += 1
        if not self.process.options.in_process:
            chain_sigterm(self.process.stop_claiming)
        return self.process

    def _booted(self, threads: int) -> WorkerProcess:
        process = WorkerProcess(self, self.store, self.registry, self.worker_options, threads=threads)
        try:
            process.boot()
        except BaseException as error:
            process.shut_down()
            if isinstance(error, SpaneError):
                self.boot_failed(error)
            raise
        return process

    def drain_process(self) -> None:
        """Claim nothing more, unless another worker goes on."""
        if self.process is not None and self._workers == 1:
            self.process.stop_claiming()

    def exception_of(self, execution: str) -> BaseException | None:
        """In process: return the exception that ended an execution, the user's own object."""
        bad = self.store.fields(execution, "@bad")[0]
        return None if self.process is None or bad is None else self.process.exceptions.get((execution, bad))

    def close_process(self, worker: Worker) -> None:
        """Take the threads of a worker that has stopped away; the last one closes the process."""
        if self.process is None:
            return
        # Dramatiq leaves this behind, which would start a consumer of a stopped worker for each queue that is new.
        self.middleware = [
            one for one in self.middleware if not (isinstance(one, _WorkerMiddleware) and one.worker is worker)
        ]
        self._workers -= 1
        self.process.pump.holdings.threads -= worker.worker_threads
        if self._workers == 0:
            process, self.process = self.process, None
            process.shut_down()

    def services(self) -> list[Service]:
        """Return what else has to be done again and again in a process of this broker."""
        return []

    def add_middleware(self, middleware: Middleware, **where: Any) -> None:
        """Add a middleware, as Dramatiq does."""
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
        """Emit a signal; a node's message passes only hooks that have something to say about nodes.

        A hook may refuse a message before it is processed; later nothing keeps what became of a node from being told.
        That a worker boots is acted on here and not in a middleware: Dramatiq would log what one raises, and go on with a
        worker that runs no node.
        """
        if args and isinstance(args[0], MessageProxy) and "spane" in args[0].options:
            for hook in self._hooks("before_" + signal):
                try:
                    hook(self, *args, **kwargs)
                except BaseException as error:
                    refuses = isinstance(error, MiddlewareError) or not isinstance(error, Exception)
                    if refuses and signal == "process_message":
                        raise
                    self.logger.critical("Unexpected failure in %s of %r.", signal, hook, exc_info=True)
        else:
            super().emit_before(signal, *args, **kwargs)
            if signal == "worker_boot":
                self.open_process(*args)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Emit a signal, like `emit_before`, in reverse order. Not even a SystemExit gets past: it would end the thread."""
        if args and isinstance(args[0], MessageProxy) and "spane" in args[0].options:
            for hook in reversed(self._hooks("after_" + signal)):
                try:
                    hook(self, *args, **kwargs)
                except BaseException:
                    self.logger.critical("Unexpected failure in %s of %r.", signal, hook, exc_info=True)
        else:
            super().emit_after(signal, *args, **kwargs)
