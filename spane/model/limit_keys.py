"""The key of a limit: a value of an input or argument as text that Redis keys and scripts can carry."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from spane.model.rules import LimitRule

_LONGEST = 100


def key_of(value: Any, path: str) -> str:
    """Return the key at `path` (`customer.id`, `lines.0`) in a JSON value, `null` where nothing stands there.

    Texts stand for themselves, with what is special in keys as `%XX`; other values as JSON. Long ones become a digest.
    """
    for part in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = None
    text = value if isinstance(value, str) and value not in ("", "null") else msgspec.json.encode(value).decode()
    quoted = quote(text, safe="")
    return quoted if len(quoted) <= _LONGEST else hashlib.sha256(text.encode()).hexdigest()[:32]


def pool_of_workflow(workflow: str, limit: LimitRule | None, inputs: bytes) -> str:
    """Return which pool of slots an execution with these inputs (a JSON object) falls under, '' without a limit."""
    if limit is None:
        return ""
    name = f"@{workflow}"
    return name if limit.key is None else f"{name}/{key_of(msgspec.json.decode(inputs), limit.key)}"
