"""The story of a test: its events, to look through and to print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from spane.model.event import Event, EventKind

_MOST_CHARACTERS = 120


class Events(Sequence[Event]):
    """Events, oldest first. `of` picks some of them; `kinds` is what a test mostly compares.

    >>> spane.events.of("node_retrying", node="charge").kinds
    ['node_retrying', 'node_retrying']
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = tuple(events)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Events: ...
    def __getitem__(self, index: int | slice) -> Event | Events:
        return Events(self._events[index]) if isinstance(index, slice) else self._events[index]

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __repr__(self) -> str:
        return "\n".join(self.lines()) or "no events"

    def of(self, *kinds: EventKind | str, node: str | None = None, execution: str | None = None) -> Events:
        """Return the events of these kinds (of all, without any), of one node, of one execution."""
        wanted = {EventKind(kind) for kind in kinds}
        return Events(
            event
            for event in self._events
            if (not wanted or event.kind in wanted)
            and (node is None or event.node == node)
            and (execution is None or event.execution == execution)
        )

    @property
    def kinds(self) -> list[str]:
        """What happened, one name for each event."""
        return [event.kind.value for event in self._events]

    def lines(self) -> list[str]:
        """Return one readable line for each event, timed in seconds of the test's clock since the first."""
        first_ms = self._events[0].at_ms if self._events else 0
        several = len({event.execution for event in self._events}) > 1
        return [_line(event, first_ms, several=several) for event in self._events]


def _line(event: Event, first_ms: int, *, several: bool) -> str:
    parts = [f"{(event.at_ms - first_ms) / 1000:+9.3f} s", f"{event.kind.value:<21}"]
    if event.node:
        parts.append(event.node)
    if event.attempt is not None:
        parts.append(f"attempt {event.attempt}")
    if event.error is not None:
        first = str(event.error).partition("\n")[0]
        parts.append(first if len(first) <= _MOST_CHARACTERS else f"{first[:_MOST_CHARACTERS]}...")
    data = event.data or {}
    parts += [f"{name}: {data[name]}" for name in ("delay_ms", "reason") if data.get(name)]
    if several:
        parts.append(f"({event.execution})")
    return "  ".join(parts).rstrip()
