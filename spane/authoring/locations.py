"""Where in the user's source something was written."""

from __future__ import annotations

import inspect
import sysconfig
from collections.abc import Callable
from types import FrameType
from typing import Any

from spane.model.node_type import Location

_STANDARD = f"{sysconfig.get_path('stdlib')}/"
_INSTALLED = tuple(f"{sysconfig.get_path(kind)}/" for kind in ("purelib", "platlib"))


def foreign(frame: FrameType) -> bool:
    """Tell whether a frame runs code of SPANE or of the standard library, not of the user."""
    module: str = frame.f_globals.get("__name__", "")
    if module == "spane" or module.startswith("spane."):
        return True
    file = frame.f_code.co_filename
    return file.startswith("<frozen") or (file.startswith(_STANDARD) and not file.startswith(_INSTALLED))


def written_by_user(frame: FrameType, body: Location) -> bool:
    """Tell whether a frame runs what was written for a body: its own file, or a file that is no installed package."""
    file = frame.f_code.co_filename
    return file == body.file or not (foreign(frame) or file.startswith((*_INSTALLED, "<")))


def in_body(body: Location) -> Location:
    """Return the line that runs now of what was written for a body, else where the workflow was defined.

    There is none where a library calls on its own, from a thread, say.
    """
    frame = inspect.currentframe()
    while frame is not None and not written_by_user(frame, body):
        frame = frame.f_back
    return body if frame is None else Location(frame.f_code.co_filename, frame.f_lineno)


def caller_frame() -> FrameType | None:
    """Return the innermost frame of the user's own code, or None where there is none."""
    frame = inspect.currentframe()
    while frame is not None and foreign(frame):
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
