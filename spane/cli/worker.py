"""`spane worker`."""

from __future__ import annotations

from itertools import takewhile
from typing import Annotated

import typer

from spane.cli import exits


def worker(
    modules: Annotated[
        list[str],
        typer.Argument(
            metavar="MODULE",
            help="Modules or files with nodes; -Q, --watch and the like go to dramatiq.",
        ),
    ],
    processes: Annotated[
        int | None,
        typer.Option("--processes", "-p", min=1, help="Worker processes; SPANE_WORKER_PROCESSES or one per core."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", "-t", min=1, help="Threads of each; SPANE_WORKER_THREADS or 8.")
    ] = None,
) -> None:
    """Run workers for nodes on Redis: `dramatiq spane.worker MODULE...`, with processes that are replaced when they die.

    All other options are dramatiq's own and come after the modules. SIGTERM and Ctrl-C let running nodes finish; a
    second one stops them at once. SIGHUP restarts the workers.
    """
    from spane.cli import loading, stores, supervisor, trial
    from spane.errors import StoreError
    from spane.settings import Settings

    settings = Settings()
    named = list(takewhile(lambda part: not part.startswith("-"), modules))
    names = [loading.as_module(part) for part in named]
    try:
        with stores.opened(settings.redis_url, settings) as opened:
            opened.require_suitable()
    except StoreError:
        # What is wrong with the modules as well is told beside it.
        trial.imports(names, store=False)
        raise
    code = trial.imports(names)
    if code is not exits.Exit.OK:
        raise typer.Exit(code)
    raise typer.Exit(
        supervisor.supervise(
            [*names, *modules[len(named) :]],
            processes=processes or settings.worker_processes,
            threads=threads or settings.worker_threads,
        )
    )
