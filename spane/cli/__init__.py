"""The command `spane`: one file per verb. What a verb needs it imports when it runs, so that `--help` is there at once."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the entry point of the script `spane`."""
    from spane.cli.app import app

    app(prog_name="spane")
