"""`spane stats`."""

from __future__ import annotations

from collections import Counter

import typer

from spane.cli import steering


def stats(store: steering.Store = None, as_json: steering.Json = False) -> None:
    """Count what is queued, runs, waits for its time, and failed for good."""
    import dataclasses

    from spane.cli import reporting, tables

    with steering.engine_on(store, lists=True) as engine:
        found = engine.stats()
    if as_json:
        reporting.print_document(dataclasses.asdict(found), line=False)
        return
    for name in ("executions", "running", "timers", "dead_letters"):
        typer.echo(f"{name.replace('_', ' ')}: {getattr(found, name)}")
    typer.echo(f"workers: {found.sessions}")
    rows = [
        (queue, priority, length)
        for queue, lengths in sorted(found.queues.items())
        for priority, length in sorted(lengths.items(), reverse=True)
    ]
    tables.show(("QUEUE", "PRIORITY", "READY"), rows)
    unfit: Counter[tuple[str, str]] = Counter()
    for lane, length in found.unfit.items():
        queue, _, needed = lane.partition("@")
        unfit[needed.rpartition(".")[0], queue] += length
    tables.show(("NO WORKER FITS", "QUEUE", "READY"), ((*which, length) for which, length in sorted(unfit.items())))
    limits = [(one.name, one.held, one.concurrency or "", one.waiting) for one in found.limits.values()]
    tables.show(("LIMIT", "HELD", "OF", "WAITING"), limits)
