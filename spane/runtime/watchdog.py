"""The watchdog: ends sync nodes that run past their timeout.

At the timeout the attempt's outcome goes to the pump at once, so the node is fenced whatever its thread does. The
thread itself is interrupted by an exception where Python allows it: at its next bytecode, not inside a C call.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from dramatiq.middleware.threading import Interrupt, raise_thread_exception

if TYPE_CHECKING:
    from spane.runtime.claim import Claim


_logger = logging.getLogger("spane.watchdog")

#: So many entries of attempts that are over are not worth clearing away.
_FEW = 64
_AGAIN_S = 0.01


class AttemptInterrupted(Interrupt):
    """Raised inside a node's function at its timeout, when its execution is cancelled, or when the worker has to stop."""


class Seat:
    """The stretch of a thread in which an attempt's function runs: inside it, and nowhere else, it may be interrupted.

    Used by `with`, once; the exception may come at any point up to the end of the `with`, and never after.
    """

    __slots__ = ("_fired", "_inside", "_lock", "_thread")

    def __init__(self, claim: Claim) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._inside = True
        self._fired = False
        claim.seat = self
        if claim.handed_back or claim.cancelled is not None:
            # Looked at after `seat` is set, as `hand_back` looks at `seat` after it says so: one of them sees it.
            self._inside = False
            raise AttemptInterrupted

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._inside = False
            if self._fired:
                # The exception may not have been delivered yet; it must not hit what this thread does next.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)

    def interrupt(self, settle: Callable[[], None] | None = None) -> bool:
        """Interrupt the thread, after `settle`, if it is inside; at most once."""
        if self._fired:
            return False
        with self._lock:
            if not self._inside:
                return False
            self._fired = True
            if settle is not None:
                settle()
            raise_thread_exception(self._thread, AttemptInterrupted)
            return True


def hand_back(claim: Claim) -> None:
    """Interrupt an attempt that goes to another worker, if its function runs or is yet to run on a thread."""
    claim.handed_back = True
    if claim.seat is not None:
        claim.seat.interrupt()


def cancel(claim: Claim, reason: str) -> None:
    """Interrupt an attempt on a thread because its execution is cancelled; one that asks for that itself is left to end."""
    claim.cancelled = reason
    if claim.seat is not None and not claim.polls:
        claim.seat.interrupt()


class _Watched:
    __slots__ = ("claim", "timeout_ms", "waits")

    def __init__(self, claim: Claim, timeout_ms: int) -> None:
        self.claim: Claim | None = claim
        self.timeout_ms = timeout_ms
        self.waits = True


class Watchdog:
    """One thread that knows when each guarded attempt is due. `expire(claim, timeout_ms)` settles an overdue one."""

    def __init__(self) -> None:
        self.expire: Callable[[Claim, int], None] = lambda claim, timeout_ms: None
        self._due: list[tuple[float, int, _Watched]] = []
        self._over = 0
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def __len__(self) -> int:
        """How many entries it keeps: of attempts under guard, and of some that are over."""
        return len(self._due)

    @contextmanager
    def guard(self, claim: Claim, timeout_ms: int) -> Iterator[None]:
        """Interrupt the body of the `with` when it runs longer than `timeout_ms`."""
        watched = self._watch(claim, timeout_ms)
        try:
            with Seat(claim):
                yield
        finally:
            self._forget(watched)

    def _watch(self, claim: Claim, timeout_ms: int) -> _Watched:
        watched = _Watched(claim, timeout_ms)
        self._push(watched, timeout_ms / 1000)
        return watched

    def _push(self, watched: _Watched, wait_s: float) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spane-watchdog", daemon=True)
                self._thread.start()
            if watched.claim is not None:
                heapq.heappush(self._due, (time.monotonic() + wait_s, next(self._number), watched))
                watched.waits = True
                if self._due[0][2] is watched:
                    self._changed.notify()

    def _forget(self, watched: _Watched) -> None:
        """Let go of an attempt that is over. Its entry waits for its time, or until such entries are the most."""
        with self._changed:
            watched.claim = None
            if not watched.waits:
                return
            self._over += 1
            if self._over > _FEW and 2 * self._over > len(self._due):
                self._due = [entry for entry in self._due if entry[2].claim is not None]
                heapq.heapify(self._due)
                self._over = 0

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped:
                    wait_s = self._due[0][0] - time.monotonic() if self._due else None
                    if wait_s is not None and wait_s <= 0:
                        break
                    self._changed.wait(wait_s)
                if self._stopped:
                    return
                _, _, watched = heapq.heappop(self._due)
                claim, watched.waits = watched.claim, False
                if claim is None:
                    self._over -= 1
            try:
                if claim is not None and not self._expired(claim, watched.timeout_ms):
                    self._push(watched, _AGAIN_S)
            except Exception:
                _logger.exception("The timeout of %r could not be told; its node goes on.", claim)

    def _expired(self, claim: Claim, timeout_ms: int) -> bool:
        """End an overdue attempt; False if its thread is just about to enter the function, or has just left it."""
        if claim.handed_back:
            return True
        return claim.seat is not None and claim.seat.interrupt(partial(self.expire, claim, timeout_ms))

    def close(self) -> None:
        """Stop the watchdog's thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
