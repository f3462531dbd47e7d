"""What an attempt is given: the values of its claim, read into the arguments of its function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from spane.authoring.context import CURRENT
from spane.authoring.parents import Parents
from spane.model import codec, items
from spane.runtime.mishaps import absent
from spane.runtime.store import BLOB_MARK, ERROR_MARK, Store

if TYPE_CHECKING:
    from contextvars import Token

    from spane.authoring.context import Context
    from spane.authoring.resources import Resources
    from spane.runtime.claim import Claim
    from spane.runtime.mapping import MapProgram
    from spane.runtime.programs import Program

_JSON = codec.Reader(Any)
_BLOB, _ERROR = BLOB_MARK[0], ERROR_MARK[0]


def carried(claim: Claim, program: Program | MapProgram) -> bool:
    """Tell whether the claim carries every value; otherwise `complete` has to ask Redis."""
    values = claim.values
    if values is None or len(values) != len(program.fields):
        return False
    return not any(value is not None and value[0] == _BLOB for value in values)


def complete(store: Store, claim: Claim, program: Program | MapProgram) -> None:
    """Read the values that the claim does not carry: too many, too large, or kept beside."""
    fields, values = [items.field_of(field, claim.node) for field in program.fields], claim.values
    if values is None or len(values) != len(fields):
        stored = store.outputs(claim.execution, fields)
        claim.values = [stored.get(field) for field in fields]
    else:
        for at, value in enumerate(values):
            if value is not None and value[0] == _BLOB:
                values[at] = store.resolve(claim.execution, value)


def merged(claim: Claim, program: Program | MapProgram) -> tuple[Mapping[str, bytes], bytes | None]:
    """Return ({parent: output}, inputs), leaving out parents that were skipped or failed."""
    fields, values = program.fields, claim.values or ()
    outputs: dict[str, bytes] = {}
    for field, value in zip(fields, values, strict=True):
        if value is None or value[0] == _ERROR:
            continue
        outputs[field] = value
    if program.came:
        claim.came = outputs.pop(program.came, None)
    return outputs, outputs.pop("@in", None)


def bind(claim: Claim, program: Program) -> tuple[list[Any], dict[str, Any]]:
    """Read the merged values into the arguments of the function.

    Raises:
        ValueMismatch: a value does not fit its parameter, or nothing came for one that needs it.
    """
    outputs, inputs = merged(claim, program)
    node = claim.node
    kwargs: dict[str, Any] = {}
    for name, evaluate, reader, required in program.arguments:
        raw = evaluate(outputs, inputs)
        if raw is not None:
            try:
                kwargs[name] = reader.read(raw)
            except ValidationError as error:
                raise reader.mismatch(error, raw, node=node, parameter=name) from error
        elif required:
            raise absent(node, name)
    if program.parents is not None:
        # A node that runs by itself is given the merge as an input.
        given = kwargs.get(program.parents)
        named = {parent.removesuffix(items.MARK): raw for parent, raw in outputs.items() if parent != items.MARK}
        merge = {parent: _JSON.read(raw) for parent, raw in named.items()}
        kwargs[program.parents] = Parents(merge if given is None else given)
    args: list[Any] = []
    if program.positional or program.variadic:
        args = [kwargs.pop(name) for name in program.positional if name in kwargs]
        reader = program.variadic_reader
        for evaluate in program.variadic:
            raw = evaluate(outputs, inputs)
            if raw is not None:
                args.append(reader.read_for(raw, node=node, parameter=program.variadic_name))
    return args, kwargs


def fill(program: Program, kwargs: dict[str, Any], resources: Resources, context: Context) -> Token[Any]:
    """Give the function its context and resources; returns the token that ends the context."""
    for name, use in program.resources:
        kwargs[name] = resources.get(use.factory)
    if program.context is not None:
        kwargs[program.context] = context
    return CURRENT.set(context)
