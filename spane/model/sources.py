"""Evaluate the sources of a plan on raw JSON: bytes in, bytes out, nothing encoded twice.

A source that is *absent* (an input that was not given, a parent that never ran) evaluates to None, and its
parameter takes its default. An array or object with an absent part is absent as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from pydantic_core import to_json

from spane.errors import ValueMismatch
from spane.model.expressions import Constant, Fields, First, Input, Items, Output, Path, Source
from spane.model.paths import shorten, spell

#: Takes the outputs by node id and the inputs object, both raw; gives the raw value, or None when absent.
Evaluator = Callable[[Mapping[str, bytes], bytes | None], bytes | None]

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def evaluate(source: Source, outputs: Mapping[str, bytes], inputs: bytes | None) -> bytes | None:
    """Evaluate `source` once; use `compile_source` where the same source is evaluated again."""
    return compile_source(source)(outputs, inputs)


def compile_source(source: Source, *, node: str = "", parameter: str = "") -> Evaluator:
    """Return a function that evaluates `source`.

    It raises `ValueMismatch` when a path leads nowhere; `node` and `parameter` say there who asked, a
    node without a parameter that one of its conditions did.
    """
    match source:
        case Constant(raw):
            constant = bytes(raw)
            return lambda _outputs, _inputs: constant
        case Output(parent, ()):
            return lambda outputs, _inputs: outputs.get(parent)
        case Output(parent, path):
            step = _walk(path, f"the output of {parent!r}", node, parameter)
            return lambda outputs, _inputs: None if (raw := outputs.get(parent)) is None else step(raw)
        case Input(None, path):
            step = _walk(path, "the inputs", node, parameter)
            return lambda _outputs, inputs: None if inputs is None else step(inputs)
        case Input(str(name), path):
            return _input(name, _walk(path, f"input {name!r}", node, parameter))
        case Items(sources):
            return _items([compile_source(item, node=node, parameter=parameter) for item in sources])
        case Fields(pairs):
            parts = [(to_json(key) + b":", compile_source(item, node=node, parameter=parameter)) for key, item in pairs]
            return _fields(parts)
        case First(sources):
            return _first([compile_source(item, node=node, parameter=parameter) for item in sources])
    raise TypeError(f"Not a source: {source!r}")


def _input(name: str, step: Callable[[bytes], bytes]) -> Evaluator:
    def read(_outputs: Mapping[str, bytes], inputs: bytes | None) -> bytes | None:
        if inputs is None:
            return None
        raw = _members(inputs).get(name)
        return None if raw is None else step(bytes(raw))

    return read


def _items(parts: list[Evaluator]) -> Evaluator:
    def join(outputs: Mapping[str, bytes], inputs: bytes | None) -> bytes | None:
        values = []
        for part in parts:
            raw = part(outputs, inputs)
            if raw is None:
                return None
            values.append(raw)
        return b"[" + b",".join(values) + b"]"

    return join


def _fields(parts: list[tuple[bytes, Evaluator]]) -> Evaluator:
    def join(outputs: Mapping[str, bytes], inputs: bytes | None) -> bytes | None:
        members = []
        for key, part in parts:
            raw = part(outputs, inputs)
            if raw is None:
                return None
            members.append(key + raw)
        return b"{" + b",".join(members) + b"}"

    return join


def _first(parts: list[Evaluator]) -> Evaluator:
    def pick(outputs: Mapping[str, bytes], inputs: bytes | None) -> bytes | None:
        for part in parts:
            raw = part(outputs, inputs)
            if raw is not None:
                return raw
        return None

    return pick


def _walk(path: Path, subject: str, node: str, parameter: str) -> Callable[[bytes], bytes]:
    """Return a function that follows `path` into a raw value; one level is decoded at a time."""
    if not path:
        return lambda raw: raw

    def walk(raw: bytes) -> bytes:
        part: bytes | msgspec.Raw = raw
        for depth, step in enumerate(path):
            try:
                part = _members(part)[step] if isinstance(step, str) else _elements(part)[step]
            except (KeyError, IndexError, msgspec.DecodeError) as error:
                raise _dead_end(bytes(part), path, depth, subject, node, parameter) from error
        return bytes(part)

    return walk


def _dead_end(part: bytes, path: Path, depth: int, subject: str, node: str, parameter: str) -> ValueMismatch:
    whole = spell("value", path)
    reached = spell("value", path[:depth])
    remedy = "Return that part from the node that feeds it, or make it reach for one that is there."
    if node and parameter:
        for_whom = f"Parameter {parameter!r} of node {node!r} takes"
    elif node:
        for_whom = f"The condition that node {node!r} decides on looks at"
        remedy = "Ask is_none() of what may be missing first, and join the two by &."
    else:
        for_whom = "A source takes"
    return ValueMismatch(
        f"{for_whom} {whole} from {subject}, but {_missing(part, path[depth], reached)}. {remedy}",
        node=node,
        parameter=parameter,
        path=path,
    )


def _missing(part: bytes, step: str | int, reached: str) -> str:
    try:
        value = msgspec.json.decode(part)
    except msgspec.DecodeError as error:
        return f"{reached} is not JSON ({error})"
    if isinstance(value, dict) and isinstance(step, str):
        keys = ", ".join(repr(key) for key in list(value)[:10]) or "none"
        return f"{reached} has no {step!r}; its keys are {keys}{', ...' if len(value) > 10 else ''}"
    if isinstance(value, list) and isinstance(step, int):
        return f"{reached} has {len(value)} items, so there is no [{step}]"
    wanted = "an object" if isinstance(step, str) else "an array"
    return f"{reached} is not {wanted}; it is {shorten(value)}"
