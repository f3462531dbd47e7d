"""What is logged of a node's failure: the user's own frames, not the forty lines of whoever called them."""

from __future__ import annotations

import logging
from typing import Any

from spane.model import frames
from spane.model.outcome import describe
from spane.runtime.claim import Claim

#: Who logs that a node's message failed: Dramatiq's worker threads, and the event loop of async nodes.
_LOGGERS = ("dramatiq.worker.WorkerThread", "spane.lane")


class OwnFrames(logging.Filter):
    """Gives records of nodes that failed a text of their own; the exception itself stays for whoever reads it.

    >>> shortened = OwnFrames()
    >>> shortened.install()
    """

    def install(self) -> None:
        """Look at the records of this process from now on."""
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def remove(self) -> None:
        """Look at no records any more."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _is_of_a_node(record.args):
            # A formatter takes this text as the one that it has made already.
            record.exc_text = (frames.told(error) or str(describe(error, node="", attempt=1, retryable=False))).rstrip()
        return True


def _is_of_a_node(arguments: Any) -> bool:
    # logging unpacks a single argument that is a mapping; neither of ours is one.
    about = arguments[0] if isinstance(arguments, tuple) and arguments else None
    return isinstance(about, Claim) or bool(getattr(about, "options", {}).get("spane"))
