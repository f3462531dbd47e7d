"""How a place inside a value is written in messages: `order.items[2]["odd key"]`."""

from __future__ import annotations

from collections.abc import Iterable


def spell(root: str, path: Iterable[str | int]) -> str:
    """Write `path` the way the user would in code, beginning with the name of the whole value."""
    return root + "".join(
        f".{step}" if isinstance(step, str) and step.isidentifier() else _bracket(step) for step in path
    )


def _bracket(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else f"[{shorten(step)}]"


def shorten(value: object, length: int = 80) -> str:
    """Return the `repr` of `value`, cut in the middle past `length` characters."""
    try:
        text = repr(value[: 4 * length] if isinstance(value, str | bytes) else value)
    except Exception as error:  # noqa: BLE001 - a user's __repr__; the message it was meant for matters more
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return text if len(text) <= length else f"{text[: length * 2 // 3]}...{text[-(length // 3 - 3) :]}"
