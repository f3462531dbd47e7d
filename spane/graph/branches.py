"""Faults of branches: names, conditions, and values that may not be there where they are needed."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from spane.errors import Fault
from spane.graph.annotations import render, takes_none
from spane.graph.conditions import said, said_of
from spane.graph.gates import WHEN, condition_of_gate, said_of_gate
from spane.graph.presence import Needs, Presence, Success
from spane.graph.shapes import Shapes
from spane.graph.spelling import hint
from spane.graph.steps import undo_of
from spane.graph.wiring import Wiring, bound
from spane.model.conditions import tips
from spane.model.draft import Call, Draft
from spane.model.expressions import Constant, Input, Output, Source
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import MISSING, Parameter
from spane.model.plan import Branch, Gate


def decided(wiring: Wiring) -> Iterator[Fault]:
    """Find branches with bad names or conditions, and gates on branches that are not there."""
    owner: dict[str, str] = {}
    for call in wiring.calls.values():
        for branch in call.decides:
            if branch.name in owner:
                message = (
                    f"Nodes {owner[branch.name]!r} and {call.id!r} both decide on a branch called {branch.name!r}. Give each "
                    "branch a name of its own."
                )
                yield Fault("duplicate-branch", message, call.where)
            owner.setdefault(branch.name, call.id)
            yield from _branch(call, branch)
        if call.type == WHEN:
            yield from _gate(call)
    for call in wiring.calls.values():
        for gate in call.gates:
            known = [branch.name for branch in wiring.calls[gate.node].decides] if gate.node in wiring.calls else None
            if known is not None and gate.branch not in known:
                message = (
                    f"Node {call.id!r} stands behind the branch {gate.branch!r} of node {gate.node!r}, which decides on no such "
                    f"branch. {hint(gate.branch, known, 'branches')}"
                )
                yield Fault("unknown-branch", message, call.where)


def _branch(call: Call, branch: Branch) -> Iterator[Fault]:
    if not is_name(branch.name):
        message = f"Node {call.id!r} decides on {branch.name!r}, which cannot name a branch. A name has {NAME_RULE}."
        yield Fault("bad-name", message, call.where)
    others = [tip for tip in tips(branch.condition) if not isinstance(tip, Constant)]
    if any(not isinstance(tip, Output) or tip.node != call.id for tip in others) or not others:
        message = (
            f"The branch {branch.name!r} of node {call.id!r} looks at {said(branch.condition)}, but can look at the output of "
            f"{call.id!r} only. Give the other values to a node of type spane.when, and let that decide."
        )
        yield Fault("bad-condition", message, call.where)


def _gate(call: Call) -> Iterator[Fault]:
    """Find what is wrong with the condition in the config of a node that decides on nothing but that."""
    try:
        condition = condition_of_gate(call)
    except ValidationError as error:
        message = (
            f"Node {call.id!r} has no sound condition in its config ({error.errors()[0]['msg']}). Write one there, as "
            "conditions of definitions are written."
        )
        yield Fault("bad-condition", message, call.where)
        return
    for tip in tips(condition):
        if isinstance(tip, Output) or (isinstance(tip, Input) and tip.name not in call.arguments):
            message = (
                f"Node {call.id!r} has a condition that looks at {said_of(tip)}, which is none of its arguments. In it "
                f"`input` is an argument by name. {hint(said_of(tip), call.arguments, 'arguments')}"
            )
            yield Fault("bad-condition", message, call.where)


def absences(draft: Draft, wiring: Wiring) -> Iterator[Fault]:
    """Find values that code needs where they may have been skipped. In definitions skips spread, so nothing is said."""
    if not any((call.gates or call.options.on_failure != "fail") and call.location.line for call in draft.calls):
        return
    shapes = Shapes(wiring.calls, {parameter.name: parameter for parameter in draft.inputs})
    presence = Presence(wiring, shapes)
    for call in wiring.calls.values():
        yield from _absent(call, presence.behind(call.id), presence, wiring)
        if (undo := undo_of(call)) is not None:
            yield from _absent(undo, presence.of(Output(call.id)), presence, wiring)
    returned = draft.returns if draft.location.line else None
    missing = frozenset() if returned is None else presence.of(returned)
    if returned is not None and missing and not takes_none(draft.returns_annotation) and not _is_told(draft, returned):
        message = (
            f"The workflow returns {said_of(returned)}, which is there only {_where(missing, wiring)}. Annotate it to "
            "return `... | None`, or return coalesce(..., default=...)."
        )
        yield Fault("may-be-skipped", message, draft.where)


def _is_told(draft: Draft, returned: Source) -> bool:
    """Tell whether the `coalesce` that is returned has a fault already."""
    of_it = f"{said_of(returned)} finds nothing"
    return any(fault.code == "coalesce-default" and fault.message.startswith(of_it) for fault in draft.faults)


def _absent(call: Call, known: Needs, presence: Presence, wiring: Wiring) -> Iterator[Fault]:
    """Find what code takes where `known` holds although more has to hold for it to be there."""
    if not call.location.line or call.node_type is None:
        return
    for name, source in bound(call):
        parameter = call.node_type.parameter(name)
        missing = presence.of(source) - known
        if parameter is None or not parameter.required or takes_none(parameter.annotation):
            continue
        if not missing or (parameter.annotation is MISSING and missing <= presence.successes):
            continue
        if isinstance(source, Output) and missing <= presence.successes:
            yield _may_fail(call, parameter, source.node)
        else:
            yield _narrower(call, parameter, source, missing, wiring)


def _may_fail(call: Call, parameter: Parameter, node: str) -> Fault:
    if call.each is not None and call.each.parameter == parameter.name:
        message = (
            f"Map {call.id!r} goes over what {node!r} returns, which goes on after a failure (on_failure='continue') and then "
            "gives nothing. Put a coalesce(..., default=[]) between."
        )
        return Fault("may-be-absent", message, call.where)
    message = (
        f"Node {call.id!r} needs {parameter.name!r}, but {node!r} goes on after a failure (on_failure='continue') and "
        f"then gives nothing. Give {parameter.name!r} a default, or annotate it `{render(parameter.annotation)} | None`."
    )
    return Fault("may-be-absent", message, call.where)


def _narrower(call: Call, parameter: Parameter, source: Source, missing: Needs, wiring: Wiring) -> Fault:
    wider = f"{render(parameter.annotation)} | None" if parameter.annotation is not MISSING else "... | None"
    give = f"give {parameter.name!r} a default, annotate it `{wider}`, or pass coalesce(...)."
    gated = any(isinstance(one, Gate) for one in missing)
    message = (
        f"Node {call.id!r} needs {parameter.name!r}, but {said_of(source)} is there only {_where(missing, wiring)}. "
        + (f"Call {call.id!r} inside that block, {give}" if gated else f"G{give[1:]}")
    )
    return Fault("may-be-skipped", message, call.where)


def _where(missing: Needs, wiring: Wiring) -> str:
    """Return in words what has to hold."""
    gates = sorted((one for one in missing if isinstance(one, Gate)), key=lambda gate: (gate.node, gate.branch))
    if not gates:
        failed = sorted(one.node for one in missing if isinstance(one, Success))
        skipped = sorted(one for one in missing if isinstance(one, str))
        said = [f"{name} did not fail" for name in failed] + [f"{name} was not skipped" for name in skipped]
        return f"if {' and '.join(said)}"
    return f"where {' and '.join(said_of_gate(gate, wiring.calls) for gate in gates)}"
