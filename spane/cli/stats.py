"""`spane stats`."""

from __future__ import annotations

import typer

from spane.cli import steering


def stats(store: steering.Store = None, as_json: steering.Json = False) -> None:
    """Count what is queued, runs, waits for its time, and failed for good."""
    import dataclasses

    from spane.cli import reporting, tables

    with steering.engine_on(store) as engine:
        found = engine.stats()
    if as_json:
        reporting.print_document(dataclasses.asdict(found), line=False)
        return
    for name in ("executions", "running", "timers", "dead_letters", "sessions"):
        typer.echo(f"{name.replace('_', ' ')}: {getattr(found, name)}")
    rows: list[tuple[str, object, int]] = [
        (queue, priority, length)
        for queue, lengths in sorted(found.queues.items())
        for priority, length in sorted(lengths.items(), reverse=True)
    ]
    rows += [(lane, "", length) for lane, length in sorted(found.unfit.items())]
    tables.show(("QUEUE", "PRIORITY", "READY"), rows)
    limits = [(one.name, one.held, one.concurrency or "", one.waiting) for one in found.limits.values()]
    tables.show(("LIMIT", "HELD", "OF", "WAITING"), limits)
