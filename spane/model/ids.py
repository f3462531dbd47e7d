"""Names and ids: which are allowed, and how new ones are made."""

from __future__ import annotations

import re

import uuid_utils

#: Node ids, node types, queues and workflow names stand in Redis strings between separators
#: (`|`, `,`, `;`, `#`, `@`, `!`, `~`), so they keep to word characters, dots and dashes.
NAME = re.compile(r"^\w[\w.\-]{0,199}$")

NAME_RULE = "1 to 200 letters, digits, `_`, `-` or `.`, beginning with a letter, digit or `_`"


def is_name(text: str) -> bool:
    """Tell whether `text` may name a node, a node type, a queue or a workflow."""
    return NAME.fullmatch(text) is not None


def new_execution_id() -> str:
    """Return a new execution id: a UUIDv7, so ids sort by the time of their start."""
    return str(uuid_utils.uuid7())


def new_session_id() -> str:
    """Return a new worker session id, short because every token begins with it."""
    return uuid_utils.uuid4().hex[:12]
