"""Which node decides on a branch: the one whose output a condition looks at, or a gate put in for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from spane.authoring import builtin
from spane.authoring.names import Names
from spane.graph.conditions import operands, replaced
from spane.model.draft import Call, Draft
from spane.model.expressions import Compare, Condition, Constant, First, Input, Items, Not, Output, Source, leaves
from spane.model.ids import is_name
from spane.model.node_type import Location, NodeType
from spane.model.plan import Branch, Gate

_TRUE = Constant(msgspec.Raw(b"true"))


@dataclass(frozen=True, slots=True)
class Decision:
    """A node that decides, with a condition on its output for a `when` and for its `otherwise`."""

    node: Call
    holds: Condition
    fails: Condition


class Deciders:
    """Finds or makes the nodes that decide on the branches of one draft, and names the branches."""

    def __init__(self, draft: Draft, names: Names) -> None:
        self._draft = draft
        self._names = names
        self._taken: set[str] = set()

    def of(self, test: Condition, gates: list[Gate], location: Location) -> Decision:
        """Return who decides whether a condition holds."""
        node = self._only_node(operands(test))
        if node is not None:
            return Decision(node, test, Not(test))
        arguments: dict[str, Source] = {}
        over_arguments = replaced(test, lambda operand: _as_argument(operand, arguments))
        call = self._gate(builtin.WHEN, arguments, gates, location)
        # The shapes of definitions bring pydantic's models along, and few bodies need them.
        from spane.graph.definition import conditions  # noqa: PLC0415

        call.config = {"condition": conditions.as_json(over_arguments)}
        holds = Compare("==", Output(call.id), _TRUE)
        return Decision(call, holds, Not(holds))

    def of_value(self, source: Source, annotation: Any, gates: list[Gate], location: Location) -> tuple[Call, Source]:
        """Return who decides by the value of a source, and that value in its output."""
        node = self._only_node([source])
        if node is not None:
            return node, source
        # The type itself says nothing of the value, and what cases there are follows from it.
        passing = replace(builtin.SWITCH, returns=annotation)
        call = self._gate(passing, {"value": source}, gates, location)
        return call, Output(call.id)

    def branch(self, node: Call, name: str, condition: Condition) -> Gate:
        """Let a node decide on one more branch, and return the gate that it is."""
        branch = Branch(self.name(name), condition)
        node.decides.append(branch)
        return Gate(node.id, branch.name)

    def name(self, wanted: str) -> str:
        """Return a name that no branch has yet: `wanted`, `wanted_2` and so on."""
        name, count = wanted, 1
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name

    def _only_node(self, looked_at: Iterable[Source]) -> Call | None:
        """Return the node whose output is all that is looked at."""
        nodes: set[str] = set()
        for source in looked_at:
            if _has_first(source):
                return None  # it may be there although the node was skipped
            for leaf in leaves(source):
                if isinstance(leaf, Input):
                    return None
                if isinstance(leaf, Output):
                    nodes.add(leaf.node)
        if len(nodes) != 1:
            return None
        [node] = nodes
        return next(call for call in self._draft.calls if call.id == node)

    def _gate(self, node_type: NodeType, arguments: dict[str, Source], gates: list[Gate], location: Location) -> Call:
        call = Call(
            id=self._names.take_builtin(node_type.name.removeprefix(builtin.PREFIX)),
            type=node_type.name,
            node_type=node_type,
            arguments=arguments,
            gates=gates,
            options=node_type.options,
            location=location,
        )
        self._draft.calls.append(call)
        return call


def case_name(switch: str, value: Any, number: int) -> str:
    """Return a name for the branch of a case: after its value, where that makes a name."""
    named = f"{switch}.{value}"
    return named if isinstance(value, str) and is_name(named) else f"{switch}.case_{number}"


def _has_first(source: Source) -> bool:
    if isinstance(source, Items):
        return any(map(_has_first, source.items))
    return isinstance(source, First)


def _as_argument(operand: Source, arguments: dict[str, Source]) -> Source:
    """Return the argument of a gate that an operand is, added if need be; constants stay what they are."""
    if isinstance(operand, Constant):
        return operand
    known = next((name for name, source in arguments.items() if source == operand), None)
    if known is None:
        wanted = _argument_name(operand)
        known, count = wanted, 1
        while known in arguments or known == "context":
            count += 1
            known = f"{wanted}_{count}"
        arguments[known] = operand
    return Input(known)


def _argument_name(operand: Source) -> str:
    match operand:
        case Output(whole, path) | Input(str(whole), path):
            return "_".join((whole, *map(str, path)))
        case _:
            return "value"
