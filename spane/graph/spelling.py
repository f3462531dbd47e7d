"""Near misses: which known name somebody probably meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice

#: Comparing letter by letter is dear, so past this many names only those of like length and beginning are compared.
_COMPARE_ALL = 500

#: Past this many faults of one kind near misses are no longer looked for, which would take seconds.
MOST_HINTS = 50


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the name among `known` that `name` was probably meant to be, or None."""
    if len(name) > 200:
        return None
    candidates: Iterable[str] = known
    if len(known) > _COMPARE_ALL:
        head = name[:2].casefold()
        candidates = [k for k in known if abs(len(k) - len(name)) <= 2 and k[:2].casefold() == head][:_COMPARE_ALL]
    folded = name.casefold()
    pool = list(candidates)
    for candidate in pool:
        if candidate.casefold() == folded:
            return candidate
    return next(iter(get_close_matches(name, pool, n=1, cutoff=0.7)), None)


def hint(name: str, known: Collection[str], what: str) -> str:
    """Return a sentence naming the near miss, or else what there is; `what` is the plural noun for `known`."""
    meant = nearest(name, known)
    if meant is not None:
        return f"Did you mean {meant!r}?"
    if not known:
        return f"There are no {what}."
    return f"The {what} are {listing(known)}."


def listing(names: Collection[str], most: int = 8) -> str:
    """Return names as `a, b, c and 5 more`."""
    shown = ", ".join(islice(names, most))
    rest = len(names) - most
    return f"{shown} and {rest:,} more" if rest > 0 else shown
