"""Gates in words, for drawings and faults."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from spane.graph.conditions import replaced, said
from spane.model.draft import Call
from spane.model.expressions import Compare, Condition, Constant, Input, Not, Output, Source
from spane.model.plan import Branch, Gate

#: The type whose output tells whether the condition in its config holds.
WHEN = "spane.when"
#: The type that passes on the value that branches are chosen by.
SWITCH = "spane.switch"


def said_of_gate(gate: Gate, calls: Mapping[str, Call]) -> str:
    """Return the condition of a gate as somebody would write it; the name of its branch where there is none."""
    call = calls.get(gate.node)
    branch = next((one for one in call.decides if one.name == gate.branch), None) if call else None
    return gate.branch if call is None or branch is None else said(_seen_through(call, branch))


def condition_of_gate(call: Call) -> Condition:
    """Return the condition in the config of a `spane.when`, over its arguments; `ValidationError` if there is none."""
    from spane.graph.definition.conditions import from_json  # noqa: PLC0415 - few graphs have such a node

    return from_json(call.config.get("condition"))


def said_of_gates(call: Call, calls: Mapping[str, Call]) -> str:
    """Return what must hold for a call to run, or an empty string."""
    return " and ".join(dict.fromkeys(said_of_gate(gate, calls) for gate in call.gates))


def _seen_through(call: Call, branch: Branch) -> Condition:
    """Return what a branch looks at; of a gate that was put in, what that looks at itself."""
    if call.type == SWITCH and "value" in call.arguments:
        value = call.arguments["value"]
        return replaced(branch.condition, lambda operand: value if operand == Output(call.id) else operand)
    negated = isinstance(branch.condition, Not)
    match branch.condition.item if isinstance(branch.condition, Not) else branch.condition:
        case Compare("==", Output(call.id, ()), Constant()) if call.type == WHEN:
            try:
                condition = condition_of_gate(call)
            except ValidationError:
                return branch.condition
            whole = replaced(condition, lambda operand: _argument(operand, call))
            return Not(whole) if negated else whole
    return branch.condition


def _argument(operand: Source, call: Call) -> Source:
    named = operand.name if isinstance(operand, Input) and not operand.path else None
    return operand if named is None else call.arguments.get(named, operand)
