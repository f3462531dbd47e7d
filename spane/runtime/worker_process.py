"""What one process needs to run nodes, put together: programs, executor, watchdog, pump, lane and service loops."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dramatiq import Actor, MessageProxy
from dramatiq.message import Message

from spane.authoring.registry import Registry
from spane.authoring.resources import Resources
from spane.errors import SpaneError, StoreError, StoreUnavailable
from spane.model.outcome import Failed, Outcome, Unfit
from spane.ops.services import Services
from spane.runtime.claim import Claim
from spane.runtime.executor import Executor
from spane.runtime.failure_log import OwnFrames
from spane.runtime.lane import AsyncLane
from spane.runtime.mishaps import put_off, timed_out
from spane.runtime.programs import Programs
from spane.runtime.pump import Pump
from spane.runtime.retry import classify
from spane.runtime.session import Pace, Session
from spane.runtime.stopping import Grace
from spane.runtime.store import Store
from spane.runtime.watchdog import Watchdog, cancel, hand_back
from spane.runtime.wire import Bell, LocalBell, LocalWire, Wire

if TYPE_CHECKING:
    from spane.runtime.node_broker import NodeBroker

_logger = logging.getLogger("spane.worker")

#: Actors of nodes carry this prefix, so a user's own actors never clash with them.
ACTOR_PREFIX = "spane."
#: Runs nodes whose type this worker does not know: they are parked for one that does.
UNKNOWN_ACTOR = "spane:unknown"
#: How often outcomes are sent while async nodes end, and how long those may take that were cancelled.
_FLUSH_S = 0.1
_CANCELLED_WITHIN_S = 1.0
#: How often a worker that boots looks whether Redis answers.
_LOOK_AGAIN_S = 0.1
#: A plain call asks for its exception right after the end; an engine that lives on must not keep them all.
_EXCEPTIONS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker process goes about its work; see Settings for what each is for.

    `boot_within_s` is how long a worker that boots waits for a Redis that does not answer.
    """

    pace: Pace = Pace()
    grace_s: float = 25.0
    async_concurrency: int = 100
    in_process: bool = False
    boot_within_s: float = 20.0


class WorkerProcess:
    """The node-running half of a broker in one process, between worker boot and worker shutdown."""

    def __init__(
        self, broker: NodeBroker, store: Store, registry: Registry, options: WorkerOptions, *, threads: int
    ) -> None:
        self.broker = broker
        self.store = store
        self.registry = registry
        self.options = options
        self.resources = Resources(run=self._run_on_loop)
        self.watchdog = Watchdog()
        self.watchdog.expire = self._expire
        self.programs = Programs(store, registry)
        self.executor = Executor(store, self.programs, self.resources, self.watchdog)
        local = self.executor.quiet = options.in_process
        self.pump = Pump(
            store,
            threads=threads,
            on_loop=options.async_concurrency,
            wire=LocalWire(store.client) if local else Wire(store.client),
            bell=LocalBell() if local else Bell(store.client),
            sort=lambda claim: self.executor.sort_soon(claim, self._finish),
        )
        self.lane = AsyncLane(broker, self.executor, self.message_of)
        self.pump.start_on_loop = lambda claim: self.lane.start(claim, self.pump.begin_on_loop, self._finish)
        #: In process only: the last exceptions of nodes that failed for good, so that a plain call can raise its own again.
        self.exceptions: OrderedDict[tuple[str, str], BaseException] = OrderedDict()
        self.session = Session(store, self.pump, registry, options.pace)
        self.executor.why_cancelled = self.session.why_cancelled
        self.session.stop = self._stop
        self._grace = Grace(options.grace_s, self._hand_back)
        self.services = Services()
        self._own_frames = OwnFrames()

    # Life cycle.

    def boot(self) -> None:
        """Make scripts, session and actors ready; start the service loops.

        Raises:
            StoreUnavailable: Redis did not answer within `boot_within_s`.
            StoreError: Redis cannot be used.
        """
        self._reach()
        self._own_frames.install()
        self.declare_actors()
        for service in (*self.session.services(), *self.broker.services()):
            self.services.start(service)

    def _reach(self) -> None:
        """Load the scripts and open the session as soon as Redis answers; it may just be starting again."""
        within_s = self.options.boot_within_s
        gives_up_at = time.monotonic() + within_s
        told = False
        while True:
            try:
                self.store.load_scripts()
                self.store.forget_old_scripts()
                self.session.open()
            except StoreUnavailable as error:
                if time.monotonic() >= gives_up_at:
                    raise StoreUnavailable(
                        f"The worker does not start: Redis did not answer within {within_s:g} s. {error}"
                    ) from error
                if not told:
                    _logger.warning("The worker waits for Redis to start, for at most %g s. %s", within_s, error)
                told = True
                time.sleep(_LOOK_AGAIN_S)
            else:
                return

    def declare_actors(self) -> None:
        """Declare one actor for every registered node type, and every queue that a registered workflow names."""
        self._declare(UNKNOWN_ACTOR, self.broker.default_queue, {})
        for name in self.registry.names():
            try:
                queue = self.registry.resolve(name).options.queue
            except SpaneError as error:
                self._tell("Node type %r cannot run here: %s", name, error)
                continue
            self._declare(ACTOR_PREFIX + name, queue, self._options())
        for queue in self._planned_queues():
            self.broker.declare_queue(queue)

    def _declare(self, name: str, queue: str, options: dict[str, Any]) -> None:
        Actor(self.run_claim, broker=self.broker, actor_name=name, queue_name=queue, priority=0, options=options)

    def _withdraw_actors(self) -> None:
        """Take this process's actors off the broker, so that the next one can declare its own."""
        for name, actor in list(self.broker.actors.items()):
            if actor.fn == self.run_claim:
                del self.broker.actors[name]

    def _options(self) -> dict[str, Any]:
        wanted = {"max_retries": 0, "time_limit": float("inf")}
        return {name: value for name, value in wanted.items() if name in self.broker.actor_options}

    def _planned_queues(self) -> set[str]:
        queues = {self.broker.default_queue}
        for workflow in self.registry.workflows():
            try:
                queues.update(workflow.plan.queues)
            except SpaneError as error:
                self._tell("Workflow %r cannot be planned, so it cannot be started: %s", workflow.name, error)
        return queues

    def _tell(self, message: str, name: str, error: SpaneError) -> None:
        # In process whoever calls the workflow is told; here it is only one of those that happen to be loaded.
        _logger.log(logging.DEBUG if self.options.in_process else logging.ERROR, message, name, error)

    def stop_claiming(self) -> None:
        """Claim nothing more; what runs, on threads and on the event loop, goes on until the one grace is over."""
        self.pump.draining = True
        self._grace.begin()

    def _hand_back(self) -> None:
        """Let other workers have what still runs when the grace is over; no attempt is charged."""
        late = self.pump.holdings.forsake()
        on_loop = self.lane.hand_back(self._put_off)
        if late or on_loop:
            nodes = [*late, *on_loop]
            _logger.warning("%d nodes ran past the shutdown grace and go to other workers: %s", len(nodes), nodes)
        try:
            self.store.give_back(self.pump.session, [(claim.execution, claim.node, claim.token) for claim in late])
        except StoreError as error:
            _logger.warning("They cannot be given back and are taken over when their lease ends: %s", error)
        for claim in late:
            hand_back(claim)

    def _stop(self, execution: str, reason: str) -> None:
        """Stop what runs of an execution that is cancelled."""
        self.lane.cancel(execution, reason)
        for claim in self.pump.holdings.running:
            if claim.execution == execution and not (claim.on_loop or claim.is_step):
                cancel(claim, reason)

    def _put_off(self, claim: Claim) -> None:
        self.pump.finish(claim, put_off(claim, StoreUnavailable("The worker stopped.")))

    def _await_lane(self) -> None:
        """Let async nodes end within the grace. No consumer drives the pump any more, so what ends is sent from here."""
        while (left_s := self._grace.left_s) and not self.lane.wait_idle(min(left_s, _FLUSH_S)):
            self.pump.flush(_FLUSH_S)

    def shut_down(self) -> None:
        """Flush what is done, give back what is not, and end the session."""
        self.stop_claiming()
        self._await_lane()
        self._grace.cancel()
        self._hand_back()
        self.lane.wait_idle(_CANCELLED_WITHIN_S)
        self.pump.close()
        self.services.stop()
        self.watchdog.close()
        try:
            self.resources.close()
        except ExceptionGroup:
            _logger.exception("What follows the yield of a resource failed.")
        self.lane.close()
        self.executor.close()
        self._withdraw_actors()
        self._own_frames.remove()
        self.session.close()

    # Messages.

    def message_of(self, claim: Claim) -> MessageProxy:
        """Return a claim as the Dramatiq message that carries it through the worker."""
        return MessageProxy(
            Message(
                claim.queue,
                self.actor_of(claim),
                (claim,),
                {},
                {"spane": True},
                f"{claim.execution}:{claim.node}:{claim.token}",
                int(claim.fetched_at * 1000),
            )
        )

    def actor_of(self, claim: Claim) -> str:
        """Return the actor that runs a claim: its type's, or the one for types this worker does not know."""
        name = ACTOR_PREFIX + claim.type
        return name if name in self.broker.actors else UNKNOWN_ACTOR

    def run_claim(self, claim: Claim) -> None:
        """Run a claim on this worker thread: the function of every node's actor."""
        if not self.pump.holdings.begin(claim):
            return
        self.executor.run(claim)

    def finish(self, message: MessageProxy) -> None:
        """Hand a processed message's outcome to the pump: its acknowledgement."""
        self._finish(message.args[0])

    def _finish(self, claim: Claim) -> None:
        self._settle(claim, claim.outcome)

    def _settle(self, claim: Claim, outcome: Outcome | None) -> None:
        if self.options.in_process and isinstance(outcome, Failed) and outcome.exception is not None:
            self.exceptions[claim.execution, claim.node] = outcome.exception
            if len(self.exceptions) > _EXCEPTIONS_KEPT:
                self.exceptions.popitem(last=False)
        if isinstance(outcome, Unfit):
            # This process has the type, but not as the plan wants it: it must not ask for the node again.
            self.session.refuse(outcome.fingerprint)
        self.pump.finish(claim, outcome)

    def _expire(self, claim: Claim, timeout_ms: int) -> None:
        error = timed_out(claim, timeout_ms)
        claim.interrupted = True
        claim.duration_us = int((time.monotonic() - claim.started_at) * 1e6)
        self._settle(claim, classify(claim.program.node.retry, error, node=claim.node, attempt=claim.attempt))

    def _run_on_loop(self, coroutine: Any) -> Any:
        return self.lane.run(coroutine)
