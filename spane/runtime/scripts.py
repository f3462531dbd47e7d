"""Loads the Lua transitions: one file each, with what it includes.

Redis keeps each as a function library of its own (`FUNCTION LOAD`, then `FCALL`): what a transition includes is made
once, when it is loaded. As a script (`EVALSHA`) it would be made anew at every call, and a commit would cost twice as
much. fakeredis knows scripts only, so there the same text runs as one.

An include names what it needs in the same way, so that no transition has to know what its includes stand on. All of
them find `P`, the prefix of the partition's keys, and `call`, an empty table for whatever is true of this call alone:
locals of an include outlive it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)
_HEADER = re.compile(r"\A(?:(?:#!|--).*\n)*")
_BODY = "--@body\n"
_COMMAND = re.compile(r"redis\.p?call\('([A-Z]+)'|command = \{'([A-Z]+)'")
_FLAGS = re.compile(r"\A#!lua(?: flags=(\S+))?\n")
_LIBRARY = """\
#!lua name={address}
local P, KEYS, ARGV, call
{includes}
redis.register_function{{function_name = '{address}', flags = {{{flags}}}, callback = function(keys, arguments)
P, KEYS, ARGV, call = keys[1], keys, arguments, {{}}
{body}
end}}
"""
_SCRIPT = """\
local P, call = KEYS[1], {{}}
{includes}
{body}
"""
#: Libraries of this and of other versions are named like this; a name says what is in it by its digest.
LIBRARIES = "spane_*"


@dataclass(frozen=True, slots=True)
class Script:
    """One transition: its name, its text with what it includes, and how Redis is given it and asked for it."""

    name: str
    source: str
    loading: tuple[str, ...]
    calling: tuple[str, str]

    @property
    def address(self) -> str:
        """The name by which Redis knows it: that of its function, or the SHA-1 of its script."""
        return self.calling[1]


def as_function(name: str, source: str) -> Script:
    """Return a transition as a function in a library of its own, named by its content."""
    address = f"spane_{name}_{_digest(source)[:12]}"
    flags = _FLAGS.match(source)
    named = ", ".join(f"'{flag}'" for flag in ((flags and flags[1]) or "").split(",") if flag)
    includes, body = _parts(source)
    text = _LIBRARY.format(address=address, includes=includes, flags=named, body=body)
    return Script(name, source, ("FUNCTION", "LOAD", text), ("FCALL", address))


def as_script(name: str, source: str) -> Script:
    """Return a transition as a script, which makes all that it includes at every call."""
    includes, body = _parts(source)
    text = _SCRIPT.format(includes=includes, body=body)
    return Script(name, source, ("SCRIPT", "LOAD", text), ("EVALSHA", _digest(text)))


@cache
def load(*, functions: bool = True) -> Mapping[str, Script]:
    """Return all transitions by name, as functions or as scripts."""
    make: Callable[[str, str], Script] = as_function if functions else as_script
    return {name: make(name, source) for name, source in sources().items()}


@cache
def sources() -> dict[str, str]:
    """Return the text of all transitions by name, with what they include before the line that begins their body."""
    folder = files("spane.runtime") / "lua"
    includes = {entry.name[:-4]: entry.read_text("utf-8") for entry in (folder / "include").iterdir()}
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".lua"):
            head, body = _split(entry.read_text("utf-8"))
            found[entry.name[:-4]] = _expanded(head, includes, set()) + _BODY + body
    return found


@cache
def commands() -> frozenset[str]:
    """Return the commands that transitions call."""
    return frozenset(name or built for text in sources().values() for name, built in _COMMAND.findall(text))


def is_missing(error: object) -> bool:
    """Whether an error says that Redis does not have a script or a function (any more)."""
    return isinstance(error, Exception) and str(error).startswith(
        ("NOSCRIPT", "No matching script", "Function not found")
    )


def is_there_already(error: object) -> bool:
    """Whether an error says that a library is loaded already, by this process or by another."""
    return isinstance(error, Exception) and str(error).startswith("Library ") and str(error).endswith("already exists")


def library_name(listed: Any) -> str:
    """Return the name in one entry of FUNCTION LIST, which is a mapping or a flat list by the protocol's version."""
    entry = listed if isinstance(listed, dict) else dict(zip(listed[::2], listed[1::2], strict=True))
    name: bytes = entry[b"library_name"]
    return name.decode()


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _split(text: str) -> tuple[str, str]:
    """Return a file's header with its includes, and its body."""
    body = _HEADER.sub("", text)
    return text.removesuffix(body), body


def _parts(source: str) -> tuple[str, str]:
    """Return what a transition includes, and its body."""
    head, _, body = source.partition(_BODY)
    return _FLAGS.sub("", head).rstrip("\n"), body.rstrip("\n")


def _expanded(text: str, includes: dict[str, str], there: set[str]) -> str:
    """Return a text with its includes put in, each where it is first named, and nothing where it is named again."""

    def put_in(found: re.Match[str]) -> str:
        name = found[1]
        if name in there:
            return ""
        there.add(name)
        return _expanded(includes[name], includes, there)

    return _INCLUDE.sub(put_in, text)
