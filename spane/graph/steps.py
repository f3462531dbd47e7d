"""What follows a failure: the undos of nodes and the handler of the workflow, bound by the names of their parameters.

An undo takes parameters of its node by their names, each with what the node was given, and the node's output: as
`output`, or else as the first of its required parameters that is named like none of the node's. Of a map, each item is
undone with what it was given and what it put out itself. A handler takes inputs of the workflow by their names, and what
failed wherever it is annotated `Failure`.
"""

from __future__ import annotations

from collections.abc import Iterator

from spane.errors import Fault
from spane.graph.spelling import listing
from spane.model import items
from spane.model.draft import Call, Draft
from spane.model.expressions import Input, Output
from spane.model.node_type import NodeType, Parameter, ParameterKind
from spane.model.outcome import Failure
from spane.model.plan import FAILED, UNDO

_OUTPUT = "output"


def undo_of(call: Call) -> Call | None:
    """Return the step that undoes a call, None where its node type has no undo."""
    undo = call.node_type.undo if call.node_type is not None else None
    if call.child is not None:
        undo = call.child.undo
    if undo is None:
        return None
    # Of a map, each item that succeeded is undone by itself.
    undone = call.id if call.each is None else call.id + items.MARK
    varied = None if call.each is None else call.each.parameter
    step = Call(undone + UNDO, undo.name, undo, options=undo.options, location=call.location)
    own = _data(call.node_type)
    output = _output_parameter(undo, own)
    for name, source in call.arguments.items():
        if name != output and (name in _data(undo) or (undo.keywords is not None and undo.parameter(name) is None)):
            step.arguments[name] = items.OWN if name == varied else source
    if output is not None:
        step.arguments[output] = Output(undone)
    if undo.variadic is not None:
        step.args = list(call.args)
    return step


def handler_of(draft: Draft) -> Call | None:
    """Return the step that hears of a failure of the workflow, None where there is none."""
    call = draft.on_failure
    if call is None or call.node_type is None:
        return call
    inputs = {parameter.name for parameter in draft.inputs}
    for parameter in _data(call.node_type).values():
        if parameter.annotation is Failure:
            call.arguments[parameter.name] = Output(FAILED)
        elif parameter.name in inputs or (draft.accepts_any_input and parameter.required):
            call.arguments[parameter.name] = Input(parameter.name)
    return call


def steps(draft: Draft) -> Iterator[Call]:
    """Yield all that may follow a failure of a draft."""
    for call in draft.calls:
        if (undo := undo_of(call)) is not None:
            yield undo
    if (handler := handler_of(draft)) is not None:
        yield handler


def faults(draft: Draft) -> Iterator[Fault]:
    """Find steps that need what nobody can give them, and rules that a step cannot keep."""
    for call in draft.calls:
        undo = undo_of(call)
        if undo is not None and undo.node_type is not None:
            yield from _of_undo(call, undo, undo.node_type)
    handler = handler_of(draft)
    if handler is not None and handler.node_type is not None:
        yield from _of_handler(draft, handler, handler.node_type)
    elif handler is not None:
        message = (
            f"Node type {handler.type!r}, which hears of failures of the workflow, is not registered. Import the module that "
            "defines it first."
        )
        yield Fault("unknown-type", message, draft.where)


def _of_undo(call: Call, undo: Call, undo_type: NodeType) -> Iterator[Fault]:
    who = f"{undo_type.name!r}, the undo of node {call.id!r},"
    own = _data(call.node_type)
    for parameter in _unbound(undo, undo_type):
        if parameter.name in own:
            why = (
                f"which {call.id!r} leaves to its default here. Give {parameter.name!r} the same default there, or pass a value "
                f"to {call.id!r}."
            )
        else:
            known = listing(list(own)) if own else "no parameters"
            why = (
                f"which is no parameter of {call.id!r} (it has {known}), and its output goes to "
                f"{_output_parameter(undo_type, own)!r}. Take it out, or give it a default."
            )
        yield Fault("bad-undo", f"{who} needs {parameter.name!r}, {why}", call.where)
    yield from _of_step(who, undo, undo_type, call.where)


def _of_handler(draft: Draft, handler: Call, handler_type: NodeType) -> Iterator[Fault]:
    who = f"{handler_type.name!r}, which hears of failures of workflow {draft.workflow!r},"
    for parameter in _unbound(handler, handler_type):
        names = [one.name for one in draft.inputs]
        known = f"it has {listing(names)}" if names else "it has none"
        message = (
            f"{who} needs {parameter.name!r}, which is no input of the workflow ({known}). Name an input, annotate it `Failure` "
            "for what failed, or give it a default."
        )
        yield Fault("bad-handler", message, draft.where)
    yield from _of_step(who, handler, handler_type, draft.where)


def _of_step(who: str, step: Call, step_type: NodeType, where: str) -> Iterator[Fault]:
    if step.options.delay_s:
        message = f"{who} has delay_s={step.options.delay_s:g}, but what follows a failure starts at once. Take it out."
        yield Fault("bad-step", message, where)
    if step_type.routes:
        yield Fault("bad-step", f"{who} returns a Route, but has no children to choose from. Return nothing.", where)


def _unbound(step: Call, step_type: NodeType) -> list[Parameter]:
    return [p for p in step_type.parameters if p.required and p.name not in step.arguments]


def _data(node_type: NodeType | None) -> dict[str, Parameter]:
    parameters = node_type.parameters if node_type is not None else ()
    return {p.name: p for p in parameters if p.kind is ParameterKind.DATA}


def _output_parameter(undo: NodeType, own: dict[str, Parameter]) -> str | None:
    free = [p for p in _data(undo).values() if p.name not in own]
    if any(p.name == _OUTPUT for p in free):
        return _OUTPUT
    return next((p.name for p in free if p.required), None)
