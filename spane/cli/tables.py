"""Tables for people: columns that line up, on a terminal and in a pipe alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def show(headings: Sequence[str], rows: Iterable[Sequence[object]], *, none: str = "") -> None:
    """Print rows below their headings; without any, say `none` on stderr."""
    import typer

    from spane.cli import reporting

    texts = [[" ".join(str(cell).split()) for cell in row] for row in rows]
    if not texts:
        if none:
            reporting.say(none)
        return
    lines = [list(headings), *texts]
    widths = [max(len(line[at]) for line in lines) for at in range(len(headings))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def moment(ms: int | None) -> str:
    """Return a time of the store's clock as people write it, in UTC."""
    return "" if not ms else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
