"""The command `spane`: one file per verb. What a verb needs it imports when it runs, so that `--help` is there at once."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line; the entry point of the script `spane`."""
    from spane.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # better than to end in the middle of a result
    app(prog_name="spane")
