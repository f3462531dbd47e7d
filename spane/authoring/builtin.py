"""The node types that SPANE brings along: waits (in `waits.py`), and gates for conditions on several values.

    spane.when      tells whether the condition in its config holds for its arguments
    spane.switch    passes its one argument on, for branches to be chosen by
    spane.workflow  runs another workflow as a child execution
    spane.repeat    runs another workflow on its own result until the condition in its config holds for that
    spane.undo      has the child executions of a node undo what they did

Names that begin with `spane.` are theirs alone; a type of the user's own that is called `delay` stands before ours.
"""

from __future__ import annotations

import json
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from spane.authoring import children, waits
from spane.authoring.context import Context, backend_of
from spane.errors import Skip, Unrecoverable
from spane.model.codec import dump
from spane.model.conditions import Test, compile_condition, tips
from spane.model.expressions import Input
from spane.model.node_type import Location, NodeType, Parameter, ParameterKind
from spane.model.paths import shorten

#: What names of built-in node types begin with.
PREFIX = "spane."

#: What the names of arguments begin with that the condition of a repeat looks at, beside the result.
UNTIL = "until."

#: A condition is compiled once for each text of a config; past this many the oldest are compiled again.
_COMPILED = 4_096


def _when(context: Context, **values: Any) -> bool:
    """Tell whether the condition holds; where a value that it looks at was skipped, it holds neither way."""
    test, looks_at = _compiled(json.dumps(context.config.get("condition")), context.node)
    if skipped := sorted(looks_at - values.keys()):
        raise Skip(f"{', '.join(skipped)} was skipped, so the condition holds neither way")
    return test({}, msgspec.json.encode({name: msgspec.Raw(dump(value)) for name, value in values.items()}))


def _switch(value: Any) -> Any:
    return value


def _repeat(**inputs: Any) -> Any:
    """Start a workflow, and start it again on its result until that is as it should be."""
    context: Context = inputs.pop(children.CONTEXT)
    looked_at = {name: inputs.pop(name) for name in list(inputs) if name.startswith(UNTIL)}
    backend = backend_of(context)
    if context.came is None:
        return backend.descend(inputs, 1)
    raw, number = children.ended(context)
    test, _ = _compiled(json.dumps(context.config["until"]), context.node)
    values = {name: msgspec.Raw(dump(value)) for name, value in looked_at.items()}
    if test({}, msgspec.json.encode({"result": msgspec.Raw(raw), **values})):
        return msgspec.Raw(raw)
    most = context.config["most"]
    if number >= most:
        rounds = "1 round" if most == 1 else f"{most} rounds"
        raise Unrecoverable(
            f"Node {context.node!r} ran workflow {context.config['workflowId']!r} for {rounds}, and its condition does not hold "
            f"for the last result, {shorten(json.loads(raw))}. Raise max_iterations, or look at the rounds: they are the "
            "children of this execution."
        )
    return backend.descend({**inputs, context.config["state"]: json.loads(raw)}, number + 1)


@lru_cache(_COMPILED)
def _compiled(condition: str, node: str) -> tuple[Test, frozenset[str]]:
    # The shapes of definitions bring pydantic's models along, and few workers ever need them.
    from spane.graph.definition.conditions import from_json  # noqa: PLC0415

    read = from_json(json.loads(condition))
    names = {tip.name for tip in tips(read) if isinstance(tip, Input) and tip.name is not None}
    return compile_condition(read, node=node), frozenset(names)


def _type(name: str, fn: Any, *parameters: Parameter, returns: Any, waits: bool = False) -> NodeType:
    return NodeType(
        name=PREFIX + name,
        fn=fn,
        parameters=parameters,
        returns=returns,
        location=Location(fn.__code__.co_filename, fn.__code__.co_firstlineno),
        module=fn.__module__,
        qualname=fn.__qualname__,
        waits=waits,
    )


WHEN = _type(
    "when",
    _when,
    Parameter("context", kind=ParameterKind.CONTEXT),
    Parameter("values", Any, kind=ParameterKind.KEYWORDS),
    returns=bool,
)
SWITCH = _type("switch", _switch, Parameter("value", Any), returns=Any)
WORKFLOW = _type(
    "workflow",
    children.run,
    Parameter("data", Any, kind=ParameterKind.VARIADIC),
    Parameter(children.CONTEXT, kind=ParameterKind.CONTEXT),
    Parameter("inputs", Any, kind=ParameterKind.KEYWORDS),
    returns=Any,
    waits=True,
)
REPEAT = _type(
    "repeat",
    _repeat,
    Parameter(children.CONTEXT, kind=ParameterKind.CONTEXT),
    Parameter("inputs", Any, kind=ParameterKind.KEYWORDS),
    returns=Any,
    waits=True,
)

UNDO = _type("undo", children.undo, Parameter("context", kind=ParameterKind.CONTEXT), returns=type(None), waits=True)

#: All of them by name.
TYPES = MappingProxyType({made.name: made for made in (WHEN, SWITCH, WORKFLOW, REPEAT, UNDO)} | waits.TYPES)
