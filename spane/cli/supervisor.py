"""Keep worker processes running.

Dramatiq's master stops all of its processes when one of them dies, because it expects a process manager to start it again. So
each worker process has a master of its own here, and one that ends is started again. Masters run in sessions of their own: a
Ctrl-C in the terminal reaches only the supervisor, which passes it on once.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from spane.cli import exits

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
#: A process that was up for so long starts again at once, whatever happened before.
_STEADY_S = 10.0
_SIGNALS_AT_ONCE = 4096
_SET_PARENT_DEATH_SIGNAL = 1
#: What dramatiq answers when a module cannot be imported or an option is wrong; trying again would not help.
_CANNOT_START = 2


@dataclass
class _Slot:
    """One place for a worker process, and when to fill it."""

    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    pause_s: float = field(default=_FIRST_PAUSE_S)


def supervise(arguments: Sequence[str], *, processes: int, threads: int) -> exits.Exit:
    """Run so many worker processes until a signal ends them; returns the exit code."""
    command = [
        sys.executable,
        "-m",
        "dramatiq",
        "spane.worker",
        *arguments,
        "--processes",
        "1",
        "--threads",
        str(threads),
    ]
    return _Supervisor(command, processes).run()


class _Supervisor:
    def __init__(self, command: list[str], processes: int) -> None:
        self._command = command
        self._slots = [_Slot() for _ in range(processes)]
        self._stopping = False
        self._interrupted = False
        self._code = exits.Exit.OK

    def run(self) -> exits.Exit:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        signal.signal(signal.SIGHUP, self._restart)
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)  # a master that ends wakes the supervisor
        heard, told = socket.socketpair()
        with heard, told:
            told.setblocking(False)
            signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
            try:
                while not self._has_ended():
                    if select.select([heard], [], [], self._pause_s())[0]:
                        heard.recv(_SIGNALS_AT_ONCE)
            finally:
                signal.set_wakeup_fd(-1)
        return exits.Exit.INTERRUPTED if self._interrupted else self._code

    def _has_ended(self) -> bool:
        for slot in self._slots:
            self._look_after(slot)
        return self._stopping and all(slot.process is None for slot in self._slots)

    def _pause_s(self) -> float | None:
        """Return how long until a master is to be started, or None where only a signal changes anything."""
        if self._stopping:
            return None
        due = [slot.start_at for slot in self._slots if slot.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _look_after(self, slot: _Slot) -> None:
        now = time.monotonic()
        if slot.process is None:
            if not self._stopping and now >= slot.start_at:
                slot.process = subprocess.Popen(
                    self._command,
                    start_new_session=True,
                    preexec_fn=partial(_end_with_parent, os.getpid()),  # noqa: PLW1509 - the supervisor has no threads
                )
                slot.started = now
                if self._stopping:  # the signal came while it was being started, and did not reach it
                    slot.process.send_signal(signal.SIGTERM)
            return
        code = slot.process.poll()
        if code is None:
            return
        pid, slot.process = slot.process.pid, None
        if self._stopping:
            return
        if code == _CANNOT_START:
            exits.complain("dramatiq cannot start a worker, see above; all of them stop.")
            self._code = exits.Exit.USAGE
            self._stop(signal.SIGTERM, None)
            return
        slot.pause_s = _FIRST_PAUSE_S if now - slot.started > _STEADY_S else min(2 * slot.pause_s, _LONGEST_PAUSE_S)
        slot.start_at = now + slot.pause_s
        exits.complain(f"worker process {pid} ended with {_ending(code)}; it is replaced in {slot.pause_s:.1f} s.")

    def _stop(self, signum: int, frame: Any) -> None:
        # The second signal goes on to the masters as well; for dramatiq it means at once.
        self._stopping = True
        self._interrupted = self._interrupted or signum == signal.SIGINT
        self._tell(signal.SIGTERM)

    def _restart(self, signum: int, frame: Any) -> None:
        self._tell(signal.SIGHUP)

    def _tell(self, signum: signal.Signals) -> None:
        for slot in self._slots:
            if slot.process is not None and slot.process.poll() is None:
                slot.process.send_signal(signum)


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


_C = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent(parent: int) -> None:
    """On Linux, let a master end when its supervisor is killed, even between the fork and this line."""
    if _C is not None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the supervisor's own handler would be forgotten by exec
        _C.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(exits.Exit.INTERRUPTED)
