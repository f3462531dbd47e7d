"""Ctrl-C: asked for once, a run comes to its end in order; asked for twice, it ends at once."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from spane.cli.exits import Exit

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Takes SIGINT and SIGTERM for as long as the `with` lasts.

    The first one is noted and nothing more, because an exception out of nowhere could leave a lock held or a start
    half answered; whoever waits looks at `asked`. `means` tells the user what becomes of the execution, `document` is
    what a program that reads along is owed yet, with the file descriptor that it reads.
    """

    def __init__(self) -> None:
        self.asked = False
        self.means = ""
        self.document: tuple[int, str] | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._previous = {signum: signal.signal(signum, self._note) for signum in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:
            self.end()
        self.asked = True

    def end(self) -> NoReturn:
        """Say how to go on, and end at once: a node that still runs would hold the process up."""
        # Past Python's buffers, which the interrupted code may hold.
        if self.document is not None:
            descriptor, text = self.document
            os.write(descriptor, f"{text}\n".encode())
        os.write(2, f"Interrupted. {self.means}".rstrip().encode() + b"\n")
        os._exit(Exit.INTERRUPTED)
