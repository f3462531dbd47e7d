"""The command `spane`: one file per verb. What a verb needs it imports when it runs, so that `--help` is there at once."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress

#: Of a file that cannot be written; a reader who went away (EPIPE) is none of them.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main() -> None:
    """Run the command line; the entry point of the script `spane`."""
    from spane.cli import exits
    from spane.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # better than to end in the middle of a result
    try:
        app(prog_name="spane")
    except OSError as error:
        # A file that was opened by name has one.
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        with suppress(OSError):
            exits.complain(f"what it prints cannot be written: {error.strerror}.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in buffers is not tried again at the end
        sys.exit(exits.Exit.OUTPUT)
