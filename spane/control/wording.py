"""How causes are worded: times, names and counts as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

_SHOWN = 5


def moment(ms: int) -> str:
    """Return a time of the store's clock as people write it, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def names(those: Sequence[str]) -> str:
    """Return names in quotes, the first five of many: `'a', 'b' and 'c'`."""
    shown = [repr(name) for name in those[:_SHOWN]]
    if len(those) > _SHOWN:
        shown.append(f"{len(those) - _SHOWN} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def counted(count: int, one: str, many: str) -> str:
    """Return a count with the word that goes with it: `1 waits`, `2,000 wait`."""
    return f"{count:,} {one if count == 1 else many}"
