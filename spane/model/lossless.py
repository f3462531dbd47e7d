"""Find what JSON would lose or cannot carry in a value, and say where it stands.

`survey` is the cheap look that every container takes, `suspicious` the closer one where the JSON hints at a
loss; `find` is the full one, taken only when something is wrong.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from math import isfinite
from types import NoneType
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic.types import Secret, SecretBytes, SecretStr
from pydantic_core import to_json

from spane.model.articles import with_article
from spane.model.paths import shorten

Path = tuple[str | int, ...]
_INERT = frozenset({int, bool, NoneType})
_LEAVES = frozenset({int, str, bool, NoneType, float})
_PLAIN = frozenset({dict, list, tuple, set, frozenset})
_STRING_KEYS = frozenset({str})
_SECRETS = (SecretStr, SecretBytes, Secret)
_HARMLESS = frozenset({int, str, bool, NoneType, bytes, datetime, date, UUID})
_BYTES = "is bytes that are not UTF-8 text; set ser_json_bytes and val_json_bytes to 'base64' in the model_config of {}"
#: pydantic's serialiser stops at 255 levels.
_DEEPEST = 250


class Survey(IntEnum):
    """What a cheap look found: only plain JSON, something typed inside, or a key that is not a string."""

    PLAIN = 0
    TYPED = 1
    BAD_KEY = 2


def survey(value: Any) -> Survey:
    """Look through plain containers, one C-speed pass for each; models and the like are not entered."""
    found = Survey.PLAIN
    stack = [value]
    while stack:
        container = stack.pop()
        children: Any = container
        if isinstance(container, dict):
            if not _STRING_KEYS.issuperset(map(type, container)) and not all(isinstance(k, str) for k in container):
                return Survey.BAD_KEY
            children = container.values()
        elif type(container) not in _PLAIN:
            found = Survey.TYPED
            continue
        if not _LEAVES.issuperset(map(type, children)):
            stack.extend(child for child in children if type(child) not in _LEAVES)
    return found


def suspicious(value: Any) -> bool:
    """Tell, faster than `find`, whether some number in `value` is not finite or something is a secret."""
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is float:
            if not isfinite(item):
                return True
            continue
        if kind in _PLAIN:
            inside = item.values() if kind is dict else item
        elif hasattr(kind, "__pydantic_fields__") and hasattr(item, "__dict__"):
            inside = item.__dict__.values()
            if getattr(item, "__pydantic_extra__", None):
                stack.extend(item.__pydantic_extra__.values())
        elif isinstance(item, (Decimal, float, *_SECRETS)):
            if _leaf(item) is not None:
                return True
            continue
        else:
            inside = [child for _, child in _children(item)]
        stack.extend(child for child in inside if type(child) not in _HARMLESS)
    return False


def find(value: Any, error: Exception | None = None) -> tuple[Path, str] | None:
    """Return path and reason of the first thing in `value` that JSON cannot carry or would change.

    With `error` the value is known not to serialise, so there is always an answer.
    """
    return _find(value, (), frozenset(), typed=False, error=error)


def _find(
    value: Any, path: Path, above: frozenset[int], *, typed: bool, error: Exception | None
) -> tuple[Path, str] | None:
    if (reason := _leaf(value)) is not None:
        return path, reason
    if id(value) in above:
        return path, "refers back to a value that contains it"
    if len(path) > _DEEPEST:
        return path, f"is nested more than {_DEEPEST} levels deep"
    if isinstance(value, dict) and not typed:
        for key in value:
            if not isinstance(key, str):
                return path, f"has the key {shorten(key)} ({type(key).__name__}); JSON keys are strings"
    inside = above | {id(value)}
    inner = typed or not (type(value) is tuple or isinstance(value, dict | list | set | frozenset))
    for step, child in _children(value):
        if error is not None and isinstance(value, BaseModel) and isinstance(child, bytes) and not _is_text(child):
            return (*path, step), _BYTES.format(type(value).__name__)
        deeper = None if error is None else _refused(child)
        if (error is None or deeper is not None) and type(child) not in _INERT:
            found = _find(child, (*path, step), inside, typed=inner, error=deeper)
            if found is not None:
                return found
    return (path, _why(value, error)) if error is not None else None


#: How the reason ends that a coroutine is refused for.
UNAWAITED = "which was called without `await`"


def _leaf(value: Any) -> str | None:
    """Say what is wrong with a value that has nothing inside, or None."""
    if isinstance(value, float) and not isfinite(value):
        return f"is {float(value)!r}; JSON has no such number"
    if isinstance(value, Decimal) and not value.is_finite():
        return f"is {value!r}; JSON has no such number"
    if isinstance(value, _SECRETS):
        return f"is {with_article(type(value).__name__)}, which JSON would carry masked; secrets do not cross nodes"
    if isinstance(value, str) and not _is_utf8(value):
        return f"is text with a lone surrogate ({shorten(value)}), which UTF-8 cannot carry"
    return None


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield (key if isinstance(key, str | int) else str(key)), child
    elif isinstance(value, BaseModel):
        yield from value.__dict__.items()
        yield from (value.__pydantic_extra__ or {}).items()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if hasattr(value, field.name):
                yield field.name, getattr(value, field.name)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=False)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from enumerate(value)


def _refused(value: Any) -> Exception | None:
    try:
        to_json(value, by_alias=True, bytes_mode="base64", inf_nan_mode="constants")
    except Exception as error:  # noqa: BLE001 - serialisers are user code
        return error
    return None


def _why(value: Any, error: Exception) -> str:
    if inspect.iscoroutine(value):
        value.close()  # or Python warns of it once more, wherever it is when it lets go of it
        return f"is the coroutine of the async function {value.__name__!r}, {UNAWAITED}"
    text = str(error)
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if "Unable to serialize unknown type" in text:
        return f"is {with_article(name)}, which JSON cannot carry"
    return f"is {with_article(name)} that does not serialise: {text}"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
