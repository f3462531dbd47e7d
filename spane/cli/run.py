"""`spane run`."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    target: Annotated[
        str, typer.Argument(metavar="FILE[:WORKFLOW]", help="A file or module, and which workflow in it.")
    ],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Inputs; JSON where it fits, else text.")
    ] = None,
    document: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="JSON", help="Inputs as one JSON object; @FILE or - (stdin) reads it."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="STORE",
            help="embedded, memory, or a Redis URL. Without it: SPANE_REDIS_URL if that is set, else embedded.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Start once per key: the same key gives the same execution.")] = None,
    priority: Annotated[
        int | None, typer.Option(help="10 first, 1 last; else as the workflow's definition says, or 5.")
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Fails if it has not ended so long after it began; else as the workflow says."
        ),
    ] = None,
    follow: Annotated[
        str | None, typer.Option(metavar="ID", help="Watch this execution instead of starting one.")
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Start anew, even if an execution with these inputs was left unfinished.")
    ] = False,
    work: Annotated[
        bool, typer.Option("--work", help="Run nodes in this process on Redis too, as on the embedded store.")
    ] = False,
    threads: Annotated[int | None, typer.Option("--threads", "-t", min=1, help="Threads that run nodes here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Print each event as a line of JSON, as it comes.")] = False,
) -> None:
    """Run a workflow and print its result.

    Without Redis it runs in this process, on the embedded store in .spane/: a run that was killed or interrupted goes
    on when it is started again with the same inputs. On Redis it is started here and run by workers.
    """
    from spane.cli import loading, reporting, running
    from spane.errors import SpaneError

    options = running.RunOptions(
        target=target,
        store=store,
        key=key,
        priority=priority,
        deadline=deadline,
        follow=follow,
        new=new,
        work=work,
        threads=threads,
        as_json=as_json,
        events=events,
    )
    console = reporting.terminal(quiet=options.machine)
    with reporting.results_alone(console) as out:
        try:
            workflow = loading.workflow(target, "spane run")
            code = running.carry_out(workflow, values or [], document, options, running.Screen(console, out))
        except SpaneError as error:
            if options.machine:
                reporting.print_document(reporting.refusal(error), line=events, to=out)
            raise
    raise typer.Exit(code)
