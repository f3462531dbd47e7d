"""The stream of facts, read back as events."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from spane.model.event import Event, read_entry
from spane.runtime.store import Store, translated

_logger = logging.getLogger("spane.store")


def events(store: Store, after: str = "-", count: int = 1000, *, last: str = "+") -> Iterator[Event]:
    """Yield events from stream id `after` (exclusive, or '-' for all there are) to `last` (inclusive), or now."""
    read: Any = store.client
    start = after
    while True:
        with translated():
            entries = read.xrange(store.keys.events, start if start == "-" else f"({start}", last, count)
        for entry_id, fields in entries:
            for letter, body in fields.items():
                yield from _events_of(entry_id.decode(), letter, body)
        if len(entries) < count:
            return
        start = entries[-1][0].decode()


def last_id(store: Store) -> str:
    """Return the stream id of the last event, '' without one."""
    with translated():
        entries: Any = store.client.xrevrange(store.keys.events, count=1)
    return str(entries[0][0].decode()) if entries else ""


def _events_of(entry_id: str, letter: bytes, body: bytes) -> list[Event]:
    """Read one entry; one that nobody can read must not hide all that came after it."""
    try:
        return list(read_entry(entry_id, letter.decode(), body.decode()))
    except (ValueError, LookupError, TypeError) as error:
        _logger.warning(
            "Entry %s of the event stream cannot be read (%s) and is left out: %.200r", entry_id, error, body
        )
        return []
