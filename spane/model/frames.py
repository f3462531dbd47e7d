"""Tracebacks with the user's own frames only: what the engine did around them, and what carries it, is left out."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import TracebackException
from types import TracebackType
from typing import Any

from spane.errors import SpaneError

#: What stands between the engine and the user's first frame.
_CARRIERS = frozenset({"dramatiq", "asyncio", "concurrent"})


def is_own(names: Mapping[str, Any]) -> bool:
    """Tell whether a module with these global names is none of the engine's."""
    return _package(names) != "spane"


def own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of the engine; None where it has no others."""
    kept: list[TracebackType] = []
    while trace is not None:
        names = trace.tb_frame.f_globals
        if is_own(names) and (kept or _package(names) not in _CARRIERS):
            kept.append(trace)
        trace = trace.tb_next
    own: TracebackType | None = None
    for each in reversed(kept):
        own = TracebackType(own, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return own


def told(error: BaseException) -> str:
    """Return the traceback of an exception and of what led to it, as text; `""` where no frame of it is the user's."""
    built = _built(error, set())
    return "".join(built.format()) if _says_where(built) else ""


def _built(error: BaseException, seen: set[int]) -> TracebackException:
    seen.add(id(error))
    # `isinstance` would ask the exception itself, which may be the user's and raise.
    built = TracebackException(type(error), error, own_frames(error.__traceback__))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    led = None if before is None or id(before) in seen else _built(before, seen)
    if led is not None and issubclass(type(error), SpaneError) and not _says_where(led):
        led = None  # what the engine met on its way to this error tells nobody anything
    by_cause = error.__cause__ is not None
    built.__cause__, built.__context__ = (led, None) if by_cause else (None, led)
    if issubclass(type(error), BaseExceptionGroup):
        group: Any = error
        built.exceptions = [_built(one, seen) for one in group.exceptions]
    return built


def _says_where(built: TracebackException) -> bool:
    pending = [built]
    while pending:
        one = pending.pop()
        if one.stack:
            return True
        pending += [led for led in (one.__cause__, one.__context__, *(one.exceptions or ())) if led is not None]
    return False


def _package(names: Mapping[str, Any]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
