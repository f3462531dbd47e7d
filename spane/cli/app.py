"""The Typer application: its verbs, and the one place where their errors become messages and exit codes."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from spane.cli import (
    breakers,
    cancel,
    check,
    dlq,
    exits,
    explain,
    graph,
    ls,
    pause,
    replay,
    resume,
    run,
    show,
    signal,
    stats,
    version,
    worker,
)
from spane.errors import SpaneError

_WIDEST_HELP = 120


class _Verbs(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SpaneError as error:
            exits.complain(exits.message_of(error))
            raise typer.Exit(exits.code_of(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(exits.Exit.INTERRUPTED) from None

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), code.meaning.replace("`", "")) for code in exits.Exit])

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


app = typer.Typer(
    name="spane",
    cls=_Verbs,
    help="Run workflows that are plain Python functions.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST_HELP},
)
app.command(short_help="Run a workflow and print its result.")(run.run)
app.command(short_help="Draw a workflow's graph.")(graph.graph)
app.command(short_help="Report all faults of settings, store and workflows.")(check.check)
# What `spane worker` does not know is for dramatiq.
app.command(short_help="Run workers for nodes on Redis.", context_settings={"ignore_unknown_options": True})(
    worker.worker
)
app.command(short_help="List executions.")(ls.ls)
app.command(short_help="Show an execution and its nodes.")(show.show)
app.command(short_help="Say why an execution waits, node by node.")(explain.explain)
app.command(short_help="Pause executions.")(pause.pause)
app.command(short_help="Resume paused executions.")(resume.resume)
app.command(short_help="Cancel executions.")(cancel.cancel)
app.command(short_help="Send an event to an execution.")(signal.signal)
app.command(short_help="Start an execution again, from its beginning or from a node on.")(replay.replay)
app.add_typer(dlq.dlq, name="dlq", short_help="List, show, retry and discard dead letters.")
app.add_typer(breakers.breakers, name="breakers", short_help="List and reset circuit breakers.")
app.command(short_help="Count what is queued, runs and failed.")(stats.stats)
app.command(short_help="Print the versions of SPANE and what it stands on.")(version.version)


def _print_version(asked: bool) -> None:
    if asked:
        version.version()
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the versions and exit.")
    ] = False,
) -> None:
    """Run workflows that are plain Python functions."""
