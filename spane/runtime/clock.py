"""The one clock. Scripts ask Redis for the time; an in-process engine injects its own, which a test can move."""

from __future__ import annotations

import threading
import time


class RedisClock:
    """Leaves the time to Redis: every script calls TIME itself."""

    injected = ""

    def now_ms(self) -> int:
        """Return this machine's time, for display only; no transition depends on it."""
        return time.time_ns() // 1_000_000


class VirtualClock:
    """A clock that stands at real time plus whatever it was advanced by, and never goes back.

    A frozen one moves only by being advanced.
    """

    def __init__(self, *, frozen: bool = False) -> None:
        self._lock = threading.Lock()
        self._frozen_ms = time.time_ns() // 1_000_000 if frozen else None
        self._ahead_ms = 0
        self._last_ms = 0

    def now_ms(self) -> int:
        """Return the current virtual time in milliseconds."""
        with self._lock:
            real_ms = time.time_ns() // 1_000_000 if self._frozen_ms is None else self._frozen_ms
            self._last_ms = max(self._last_ms, real_ms + self._ahead_ms)
            return self._last_ms

    def advance(self, by_ms: int) -> None:
        """Move the clock forward by `by_ms` milliseconds."""
        if by_ms < 0:
            raise ValueError(f"A clock cannot be advanced by {by_ms} ms: time does not go back.")
        with self._lock:
            self._ahead_ms += by_ms

    @property
    def injected(self) -> str:
        """The time as scripts take it."""
        return str(self.now_ms())


Clock = RedisClock | VirtualClock
