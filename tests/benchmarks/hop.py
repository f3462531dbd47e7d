"""The least that waking a process takes on this machine: one that blocks in Redis for a token, and answers it.

Nothing can start on an idle worker sooner, so latencies of an idle machine are read beside it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks import signals
from tests.benchmarks.processes import end


class Hop:
    """A peer with one shape: no node at all."""

    name = "bare BLPOP"

    def submit_now(self, shape: str) -> None:
        signals.line().send("RPUSH", "ask", 1)

    def result_now(self, shape: str) -> None:
        raise NotImplementedError


@contextmanager
def answering() -> Iterator[Hop]:
    """Run the process that answers."""
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.hop"], stdin=subprocess.DEVNULL)
    try:
        hop = Hop()
        hop.submit_now("")
        signals.wait_for_one()
        yield hop
    finally:
        end(process)


def answer() -> None:
    """Answer each token at once, until told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    line = signals.line()
    while True:
        line.send("BLPOP", "ask", 0)
        line.send("RPUSH", "done", 1)


if __name__ == "__main__":
    answer()
