"""Where in the user's source something was written."""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
from collections.abc import Callable
from types import FrameType
from typing import Any

from spane.model.node_type import Location

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = sysconfig.get_path("stdlib") + os.sep
_SITE = tuple(sysconfig.get_path(kind) + os.sep for kind in ("purelib", "platlib"))


def foreign(file: str) -> bool:
    """Tell whether a source file belongs to SPANE or to the standard library, not to the user."""
    if file.startswith(_OURS) or file.startswith("<frozen"):
        return True
    return file.startswith(_STANDARD) and not file.startswith(_SITE)


def caller_frame() -> FrameType | None:
    """Return the innermost frame of the user's own code, or None where there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and foreign(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def caller() -> Location:
    """Return the file and line of the user's own code that is running now."""
    frame = caller_frame()
    return Location("<unknown>", 0) if frame is None else Location(frame.f_code.co_filename, frame.f_lineno)


def of_function(fn: Callable[..., Any]) -> Location:
    """Return where a function or class was defined; `<unknown>` where it has no Python source."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return Location("<unknown>", 0) if code is None else Location(code.co_filename, code.co_firstlineno)
