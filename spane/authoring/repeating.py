"""`repeat_until`: a workflow that runs again on its own result until that is good enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, cast

from spane.authoring import builtin, locations
from spane.authoring.called import Called
from spane.authoring.conditions import condition_of, refuse
from spane.authoring.references import Point, Reference, point
from spane.authoring.tracing import ACTIVE, Trace
from spane.authoring.workflow import Workflow
from spane.errors import DefinitionError, Fault
from spane.graph.annotations import render
from spane.graph.conditions import replaced
from spane.graph.fitting import provably_incompatible
from spane.model.draft import Call, Child
from spane.model.expressions import Condition, Constant, Input, Output, Source
from spane.model.node_type import MISSING, Parameter
from spane.model.paths import shorten

P = ParamSpec("P")
S = TypeVar("S")

_MOST_ROUNDS = 1_000_000


def repeat_until(
    workflow: Workflow[..., S] | Called[..., S],
    state: object,
    condition: Callable[[S], bool],
    max_iterations: int,
    **inputs: Any,
) -> S:
    """Run a workflow again and again, each time on the result of the time before, until a condition holds for that.

    Each round is an execution of its own, a child of this one; no worker is held between them. The node fails if the
    condition does not hold after `max_iterations` rounds.

    Args:
        workflow: what one round is. Its first input is the state, and what it returns is the state of the next round. Name the
            node by `workflow.named(...)`.
        state: the state of the first round.
        condition: given the result of a round as a reference, returns what must hold for it, as `when` takes it:
            `lambda draft: draft.score >= 0.9`. It is written down once, when the body is traced.
        max_iterations: how many rounds there are at most.
        inputs: further inputs of the workflow, the same in each round.

    Raises:
        DefinitionError: the workflow cannot be repeated so.
        ReferenceMisuse: the condition is none, or this is no workflow's body.

    >>> final = repeat_until(improve, draft, lambda draft: draft.score >= 0.9, max_iterations=5)

    """
    trace = ACTIVE.get()
    if trace is None:
        refuse(None, "repeat_until stands outside a workflow's body. In a plain function write a loop.")
    called = Called(workflow) if isinstance(workflow, Workflow) else workflow
    if not isinstance(called, Called):
        _refuse(trace, f"repeat_until takes a workflow, and got {shorten(workflow)}. Put the round into a @workflow.")
    if type(max_iterations) is not int or not 1 <= max_iterations <= _MOST_ROUNDS:
        _refuse(trace, f"max_iterations is {max_iterations!r}; give a whole number from 1 up.")
    child = called.child
    if not child.inputs:
        _refuse(
            trace, f"workflow {child.workflow!r} takes no input, so there is nothing to hand on from round to round."
        )
    first = child.inputs[0]
    _check_state(trace, child, first)
    reference = trace.call(called.placed(builtin.REPEAT), (), {first.name: state, **inputs})
    node = cast("Output", point(reference).source).node
    call = next(call for call in trace.draft.calls if call.id == node)
    call.config |= {"state": first.name, "most": max_iterations, "until": _until(trace, call, child, condition)}
    return cast("S", reference)


def _check_state(trace: Trace, child: Child, state: Parameter) -> None:
    if MISSING in (child.returns, state.annotation) or not provably_incompatible(child.returns, state.annotation):
        return
    _refuse(
        trace,
        f"workflow {child.workflow!r} returns {render(child.returns)}, but takes {render(state.annotation)} as "
        f"{state.name!r}, its first input: what one round returns is what the next one takes. Change one of the two.",
    )


def _until(trace: Trace, call: Call, child: Child, condition: Callable[[Any], bool]) -> Any:
    """Return what must hold, as JSON; what it looks at besides the result becomes an argument of the node."""
    # The shapes of definitions bring pydantic's models along, and few bodies need them.
    from spane.graph.definition import conditions  # noqa: PLC0415

    result = Reference(Point(trace, Output(call.id), child.returns))
    test: Condition = condition_of(condition(result), "repeat_until").test
    others: list[Source] = []

    def put(operand: Source) -> Source:
        match operand:
            case Constant():
                return operand
            case Output(call.id, path):
                return Input("result", path)
        if operand not in others:
            others.append(operand)
        return Input(f"{builtin.UNTIL}{others.index(operand) + 1}")

    written = replaced(test, put)
    for number, operand in enumerate(others, 1):
        call.arguments[f"{builtin.UNTIL}{number}"] = operand
    if call.node_type is not None:
        added = tuple(Parameter(f"{builtin.UNTIL}{number}", Any) for number in range(1, len(others) + 1))
        call.node_type = replace(call.node_type, parameters=(*call.node_type.parameters, *added))
    return conditions.as_json(written)


def _refuse(trace: Trace, message: str) -> Any:
    fault = Fault("bad-repeat", message, str(locations.caller()))
    raise DefinitionError(f"Workflow {trace.draft.workflow!r}", [fault])
