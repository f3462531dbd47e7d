"""Exit codes, and how an error of SPANE's is said at a terminal."""

from __future__ import annotations

import sys
from enum import IntEnum

from spane.errors import (
    AttemptError,
    DefinitionError,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionStalled,
    SettingsError,
    SpaneError,
    StoreError,
)


class Exit(IntEnum):
    """What a script can tell from `$?`; the meanings are kept."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    STORE = 4
    OUTPUT = 5
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What the code says, for `--help` and the pages."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.OK: "done; `spane run`: the execution completed",
    Exit.FAILED: "the execution failed, cannot go on, or came to a result that does not fit its annotation",
    Exit.USAGE: "usage, settings, a workflow, inputs or an id are at fault, or a verb does not apply; nothing was started",
    Exit.CANCELLED: "the execution was cancelled",
    Exit.STORE: "the store cannot be used: it is away, would lose what it is given, or has lost the execution",
    Exit.OUTPUT: "what was to be printed could not be written, to a full disk say; what the verb did is done",
    Exit.INTERRUPTED: "interrupted by Ctrl-C or SIGTERM",
}


def code_of(error: SpaneError) -> Exit:
    """Return the exit code of an error that ended a verb."""
    if isinstance(error, StoreError):
        return Exit.STORE
    if isinstance(error, ExecutionCancelled):
        return Exit.CANCELLED
    if isinstance(error, ExecutionFailed | ExecutionStalled | AttemptError):
        return Exit.FAILED
    return Exit.USAGE


def message_of(error: SpaneError) -> str:
    """Return what to tell: one fault stands for itself, several are listed."""
    if isinstance(error, DefinitionError | SettingsError) and len(error.faults) == 1:
        return str(error.faults[0])
    return str(error)


def complain(message: str) -> None:
    """Print a message to stderr."""
    sys.stderr.write(f"spane: {message.rstrip()}\n")
    sys.stderr.flush()
