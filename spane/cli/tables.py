"""Tables for people: columns that line up; on a terminal no wider than that, in a pipe whole."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

#: Less room than this is none for a column of text; it goes on a line of its own.
_LEAST_ROOM = 16
_GAP = "  "


class Moment(str):
    """A time as people write it, in UTC; `short` says no more than is needed where there is little room."""

    __slots__ = ("short",)
    short: str

    @classmethod
    def of(cls, ms: int | None) -> Moment:
        """Return a time of the store's clock; nothing is an empty text."""
        if not ms:
            found = cls()
            found.short = ""
            return found
        at, now = datetime.fromtimestamp(ms / 1000, UTC), datetime.now(UTC)
        found = cls(f"{at:%Y-%m-%d %H:%M:%SZ}")
        found.short = f"{at:%H:%M:%SZ}" if at.date() == now.date() else f"{at:%m-%d %H:%MZ}"
        if at.year != now.year:
            found.short = f"{at:%Y-%m-%d}"
        return found


def show(headings: Sequence[str], rows: Iterable[Sequence[object]], *, none: str = "", whole: bool = False) -> None:
    """Print rows below their headings; without any, say `none` on stderr.

    On a terminal columns that say nothing are left out, times are short, and the last column is cut unless it is to stay
    `whole`, or goes on a line of its own where it has no room at all.
    """
    import typer

    from spane.cli import reporting

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    texts = [[_text(cell, short=width is not None) for cell in row] for row in rows]
    if not texts:
        if none:
            reporting.say(none)
        return
    lines = [list(headings), *texts]
    if width is not None:
        kept = [at for at in range(len(headings)) if any(row[at] for row in texts)]
        lines = [[line[at] for at in kept] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = None if width is None or whole else width - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    if room is not None and room < min(widths[-1], _LEAST_ROOM) and widths[-1] > _LEAST_ROOM:
        lines = [part for line in lines for part in _in_two(line)]
    for line in lines:
        joined = _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        typer.echo(joined if width is None or whole else _cut(joined, width))


def moment(ms: int | None) -> Moment:
    """Return a time of the store's clock as people write it, in UTC."""
    return Moment.of(ms)


def _text(cell: object, *, short: bool) -> str:
    text = cell.short if short and isinstance(cell, Moment) else str(cell)
    return " ".join(text.split())


def _in_two(line: list[str]) -> list[list[str]]:
    """Return a line without its last cell, and that below it; the heading's last says what stands there."""
    return [line[:-1], [f"{_GAP}{line[-1]}"]] if line[-1] else [line[:-1]]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
