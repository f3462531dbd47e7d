"""`a` or `an` before a name that is known only at run time."""

from __future__ import annotations

import re

_SPELLED_OUT = re.compile(r"[AEFHILMNORSX](?:[A-Z0-9]|$)")
_LIKE_YOU_OR_ONE = re.compile(r"[Uu]ni(?![nm])|[Uu]s[aeu]|[Ee]u|[Oo]ne(?![a-z])|[Oo]nce")
_CONSONANT_ACRONYM = re.compile(r"U(?:[A-Z0-9]|$)")


def with_article(name: str) -> str:
    """Return `name` with the article it is spoken with: `an object`, `a User`, `an HTTPResponse`, `a _lock`."""
    if _SPELLED_OUT.match(name):
        return f"an {name}"
    if _CONSONANT_ACRONYM.match(name) or _LIKE_YOU_OR_ONE.match(name):
        return f"a {name}"
    return f"an {name}" if name[:1].lower() in tuple("aeiou") else f"a {name}"
