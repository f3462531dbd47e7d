"""The Typer application: its verbs, and the one place where their errors become messages and exit codes."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from spane.cli import check, exits, graph, run, version, worker
from spane.errors import SpaneError

_EPILOG = (
    "Exit codes: 0 done, 1 the workflow failed, 2 usage or definition at fault, 3 cancelled, "
    "4 the store cannot be used, 130 interrupted."
)


class _Verbs(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SpaneError as error:
            exits.complain(exits.message_of(error))
            raise typer.Exit(exits.code_of(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(exits.Exit.INTERRUPTED) from None

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


app = typer.Typer(
    name="spane",
    cls=_Verbs,
    help="Run workflows that are plain Python functions.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (run.run, graph.graph, check.check):
    app.command()(verb)
# What `spane worker` does not know is for dramatiq.
app.command(context_settings={"ignore_unknown_options": True})(worker.worker)
app.command()(version.version)
