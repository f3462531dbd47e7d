"""A worker's session: what keeps its leases, takes over from others, and tells it what others decided."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spane.authoring.registry import Registry
from spane.errors import StoreError
from spane.ops.services import Service
from spane.runtime.layout import ASYNC_SUFFIX
from spane.runtime.pump import Pump
from spane.runtime.store import NOTICES_A_CALL, Store

_logger = logging.getLogger("spane.worker")
_CANCELLED_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a session does its rounds, in seconds."""

    renew_s: float = 1.5
    sweep_s: float = 0.5


class Session:
    """The rounds of one process's session, each a service of its own; none of them runs nodes."""

    def __init__(self, store: Store, pump: Pump, registry: Registry, pace: Pace) -> None:
        self._store = store
        self._pump = pump
        self._registry = registry
        self._pace = pace
        self._refused: set[str] = set()
        self._cancelled: dict[str, str] = {}
        #: Plans that are gone, each of them told once.
        self._missed: set[str] = set()
        #: Called with an execution that is cancelled and the reason.
        self.stop: Callable[[str, str], None] = lambda execution, reason: None
        self._renewed_at = time.monotonic()
        self._judges_from = 0.0
        self._last_notice = "0"
        self._announced = False
        self._unfit_seen = 0

    def open(self) -> None:
        """Announce the session; what was decided before it is none of its business."""
        *_, notices = self._store.renew(self._pump.session, "0", self._serves())
        self._last_notice = notices[-1][0] if notices else "0"
        self._announced = True

    def close(self) -> None:
        """End the session, if it has been announced; where Redis does not take that, it ends with its lease."""
        if not self._announced:
            return
        try:
            self._store.leave(self._pump.session)
        except StoreError as error:
            _logger.warning("The session %s ends with its lease, not at once. %s", self._pump.session, error)

    def services(self) -> Iterator[Service]:
        """Yield the rounds."""
        yield Service("renew", self._renew, self._pace.renew_s / 5)
        yield Service("rescue", self._rescue, self._pace.sweep_s)
        yield Service("sweep", self._sweep, 2 * self._pace.sweep_s)

    def why_cancelled(self, execution: str) -> str | None:
        """Return why an execution is being cancelled, as far as this process has heard; None where it is not."""
        return self._cancelled.get(execution)

    def refuse(self, fingerprint: str) -> None:
        """Never ask again for nodes of a type that this process has, but not as their plan wants it."""
        self._refused.add(fingerprint)

    def _serves(self) -> str:
        """Say where this process runs and what it fetches (spane/runtime/looking.py reads it)."""
        lists = (",".join(self._pump.queues), ",".join(self._pump.fitting))
        return "|".join((f"{socket.gethostname()}:{os.getpid()}", *lists))

    def _renew(self) -> float:
        alive, unfit, held, notices = self._store.renew(self._pump.session, self._last_notice, self._serves())
        now = time.monotonic()
        if now > self._renewed_at + 2 * self._pace.renew_s:
            self._judges_from = now + self._pace.renew_s
        self._renewed_at = now
        self._pump.compare(held)
        if not alive:
            _logger.warning("This worker's lease had run out; its attempts were taken over and will be fenced.")
        for notice_id, text in notices:
            self._hear(text)
            self._last_notice = notice_id
        if len(self._cancelled) > _CANCELLED_KEPT:
            running = {claim.execution for claim in self._pump.holdings.running}
            self._cancelled = {key: why for key, why in self._cancelled.items() if key in running}
        if unfit or self._unfit_seen:
            self._fit()
        self._unfit_seen = unfit
        # More of them may be waiting, each for somebody who wants a node to stop.
        return 0.0 if len(notices) >= NOTICES_A_CALL else self._pace.renew_s

    def _hear(self, notice: str) -> None:
        """Do what a notice asks for: stop what runs of a cancelled execution, give back what has not begun, or tell the user."""
        verb, _, about = notice.partition("|")
        execution, _, reason = about.partition("|")
        if verb == "gone":
            self._miss(reason)
            return
        if verb == "cancel":
            self._cancelled[execution] = reason
            self.stop(execution, reason)
        self._pump.give_back(one for one in self._pump.holdings.unstarted if one.execution == execution)

    def _miss(self, plan: str) -> None:
        if plan not in self._missed:
            self._missed.add(plan)
            _logger.warning(
                "Plan %s is not in the store: it has lost data. The nodes that need it wait until its workflow is started "
                "again, which puts it there.",
                plan,
            )

    def _fit(self) -> None:
        """Find out which nodes that nobody fitted this process's code can run, and look into their queues as well."""
        lanes = [lane for lane in self._store.unfit() if self._may_fit(lane)]
        self._pump.fitting = tuple(self._store.adopt(lanes)) if lanes else ()
        if self._pump.fitting:
            self._pump.wake()

    def _may_fit(self, lane: str) -> bool:
        queue, _, fingerprint = lane.partition("@")
        return (
            queue.removesuffix(ASYNC_SUFFIX) in self._pump.queues
            and fingerprint.rpartition(".")[0] in self._registry
            and fingerprint not in self._refused
        )

    def _rescue(self) -> float:
        """Take over from the dead; but a worker that could not renew lets the others renew first, they live as well."""
        now = time.monotonic()
        if now > self._renewed_at + 2 * self._pace.renew_s or now < self._judges_from:
            return self._pace.sweep_s
        while taken := self._store.rescue():
            _logger.info("Took over %d attempts from a worker that is gone.", taken)
            self._pump.wake()
        return self._pace.sweep_s

    def _sweep(self) -> float:
        _, mended, more = self._store.sweep()
        if mended:
            _logger.warning("Set right %d nodes whose hint, timer or lease was lost.", mended)
            self._pump.wake()
        return 0.0 if more and mended else 2 * self._pace.sweep_s
