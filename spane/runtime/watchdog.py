"""The watchdog: ends sync nodes that run past their timeout.

At the timeout the attempt's outcome goes to the pump at once, so the node is fenced whatever its thread does. The
thread itself is interrupted by an exception where Python allows it: at its next bytecode, not inside a C call.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dramatiq.middleware.threading import Interrupt, raise_thread_exception

if TYPE_CHECKING:
    from spane.runtime.claim import Claim


class AttemptInterrupted(Interrupt):
    """Raised inside a node's thread at its timeout."""


class _Watched:
    __slots__ = ("claim", "fired", "inside", "lock", "thread", "timeout_ms")

    def __init__(self, claim: Claim, timeout_ms: int) -> None:
        self.claim: Claim | None = claim
        self.timeout_ms = timeout_ms
        self.thread = threading.get_ident()
        self.lock = threading.Lock()
        self.inside = True
        self.fired = False


class Watchdog:
    """One thread that knows when each guarded attempt is due. `expire(claim, timeout_ms)` settles an overdue one."""

    def __init__(self) -> None:
        self.expire: Callable[[Claim, int], None] = lambda claim, timeout_ms: None
        self._due: list[tuple[float, int, _Watched]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    @contextmanager
    def guard(self, claim: Claim, timeout_ms: int) -> Iterator[None]:
        """Interrupt the body of the `with` when it runs longer than `timeout_ms`."""
        watched = _Watched(claim, timeout_ms)
        self._watch(watched, time.monotonic() + timeout_ms / 1000)
        try:
            yield
        finally:
            with watched.lock:
                watched.inside = False
                # Until its time comes the entry stays; what the attempt held must not stay with it.
                watched.claim = None
                if watched.fired:
                    # The exception may not have been delivered yet; it must not hit what this thread does next.
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(watched.thread), None)

    def _watch(self, watched: _Watched, due: float) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spane-watchdog", daemon=True)
                self._thread.start()
            heapq.heappush(self._due, (due, next(self._number), watched))
            if self._due[0][2] is watched:
                self._changed.notify()

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
            with watched.lock:
                if watched.inside and watched.claim is not None:
                    watched.fired = True
                    self.expire(watched.claim, watched.timeout_ms)
                    raise_thread_exception(watched.thread, AttemptInterrupted)

    def close(self) -> None:
        """Stop the watchdog's thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
