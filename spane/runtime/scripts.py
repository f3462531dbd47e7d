"""Loads the Lua transitions: one file each, their includes put in where they first name them.

An include names what it needs in the same way, so that no transition has to know what its includes stand on.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One transition: its name, its text, and the SHA-1 by which Redis knows it."""

    name: str
    text: str
    sha: str


@cache
def load(*, shebang: bool = True) -> dict[str, Script]:
    """Return all scripts by name. `shebang` False strips the `#!lua` line, which fakeredis does not read."""
    folder = files("spane.runtime") / "lua"
    includes = {entry.name[:-4]: entry.read_text("utf-8") for entry in (folder / "include").iterdir()}
    scripts = {}
    for entry in folder.iterdir():
        if entry.name.endswith(".lua"):
            text = _expanded(entry.read_text("utf-8"), includes, set())
            if not shebang:
                text = re.sub(r"\A#!.*\n", "", text)
            name = entry.name[:-4]
            scripts[name] = Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
    return scripts


def _expanded(text: str, includes: dict[str, str], there: set[str]) -> str:
    """Return a text with its includes put in, each where it is first named, and nothing where it is named again."""

    def put_in(found: re.Match[str]) -> str:
        name = found[1]
        if name in there:
            return ""
        there.add(name)
        return _expanded(includes[name], includes, there)

    return _INCLUDE.sub(put_in, text)
