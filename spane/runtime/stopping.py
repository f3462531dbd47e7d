"""How a worker stops: at once it claims nothing more, and what runs has one grace to end in."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType


class Grace:
    """The time in which what runs may still end, from the moment a stop was asked for; `over` is called at its end."""

    def __init__(self, length_s: float, over: Callable[[], None]) -> None:
        self._length_s = length_s
        self._over = over
        self._ends_at: float | None = None
        self._timer: threading.Timer | None = None

    def begin(self) -> bool:
        """Begin it; False if it has begun before."""
        if self._ends_at is not None:
            return False
        self._ends_at = time.monotonic() + self._length_s
        self._timer = threading.Timer(self._length_s, self._over)
        self._timer.daemon = True
        self._timer.start()
        return True

    @property
    def left_s(self) -> float:
        """How much of it is left: all, before it begins."""
        return self._length_s if self._ends_at is None else max(0.0, self._ends_at - time.monotonic())

    def cancel(self) -> None:
        """Do not call `over` any more."""
        if self._timer is not None:
            self._timer.cancel()


def chain_sigterm(stop_claiming: Callable[[], None]) -> None:
    """Stop claiming as soon as SIGTERM comes, before Dramatiq looks at it (its loop wakes once a second)."""
    if threading.current_thread() is not threading.main_thread():
        return
    previous = signal.getsignal(signal.SIGTERM)

    def handle(signum: int, frame: FrameType | None) -> None:
        stop_claiming()
        if callable(previous):
            previous(signum, frame)
        elif previous == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, handle)
