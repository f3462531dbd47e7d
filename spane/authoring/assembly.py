"""`workflow.of`: a whole workflow wired from the signatures of its nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spane.authoring import wiring
from spane.authoring.names import Names
from spane.authoring.node import Node
from spane.authoring.sources import Unbindable
from spane.errors import DefinitionError, Fault
from spane.graph.spelling import nearest
from spane.model.draft import Call, Draft
from spane.model.expressions import Fields, Input, Items, Output, Source
from spane.model.node_type import MISSING, Location, Parameter, ParameterKind


def require_nodes(name: str, nodes: Sequence[Any], location: Location) -> None:
    """Raise DefinitionError naming everything among `nodes` that is none."""
    wrong = [node for node in nodes if not isinstance(node, Node)]
    if wrong:
        faults = [
            Fault("bad-node", f"{node!r} is no node. Decorate it with @node first.", str(location)) for node in wrong
        ]
        raise DefinitionError(f"Workflow {name!r}", faults)


class Assembly:
    """Nodes on their way to a draft: each parameter is fed by the node it is named like, or becomes an input."""

    def __init__(
        self, name: str, nodes: Sequence[Node[..., Any]], inputs: Mapping[str, Any], location: Location
    ) -> None:
        self._draft = Draft(name, location=location)
        self._nodes = nodes
        self._declared = {name: _declared(given) for name, given in inputs.items()}
        self._wanted: dict[str, list[Parameter]] = {name: [] for name in inputs}
        self._calls: dict[str, Call] = {}

    def wire(self, returns: Any) -> Draft:
        """Return the draft, faults included; `returns` is as `workflow.of` takes it."""
        self._place()
        for call in self._draft.calls:
            for parameter in call.node_type.parameters if call.node_type else ():
                if parameter.kind is ParameterKind.DATA:
                    self._feed(call, parameter)
        self._draft.inputs = tuple(self._input(name, wanted) for name, wanted in self._wanted.items())
        self._order()
        self._merge()
        self._draft.warnings += wiring.empty_merges(self._draft)
        if returns is not None:
            self._return(returns)
        return self._draft

    def _place(self) -> None:
        names, reported = Names(), set()
        for node in self._nodes:
            placed = node.placed()
            if placed.name not in reported:
                reported.add(placed.name)
                for problem in placed.signature.problems:
                    message = f"node {placed.name!r}: {problem}"
                    self._draft.faults.append(Fault("bad-annotation", message, str(placed.node_type.location)))
            call = Call(
                id=names.take(placed.name, placed.id, self._draft.location),
                type=placed.node_type.name,
                node_type=placed.node_type,
                options=placed.options,
                location=self._draft.location,
            )
            self._draft.calls.append(call)
            self._calls.setdefault(call.id, call)
        self._draft.warnings += names.warnings()

    def _feed(self, call: Call, parameter: Parameter) -> None:
        name = parameter.name
        fed_by_node = name in self._calls and name != call.id
        if fed_by_node and name in self._declared:
            self._refuse(
                call,
                name,
                "ambiguous-name",
                f"{name!r} is the name of a node and of a declared input, so the parameter of node {call.id!r} could mean "
                "either. Rename one, or take it out of inputs=.",
            )
        elif fed_by_node:
            call.arguments[name] = Output(name)
        else:
            known = () if name in self._declared or not parameter.required else self._calls.keys() - {call.id}
            meant = nearest(name, known)
            if meant is None:
                self._wanted.setdefault(name, []).append(parameter)
                call.arguments[name] = Input(name)
                return
            self._refuse(
                call,
                name,
                "near-miss",
                f"node {call.id!r} takes {name!r}, and no node has that name; did you mean {meant!r}? Rename one of the two, "
                f"or, if it is an input, say so with inputs={{{name!r}: ...}}.",
            )

    def _input(self, name: str, wanted: list[Parameter]) -> Parameter:
        annotation, default = self._declared.get(name, (MISSING, MISSING))
        if name in self._declared and not wanted:
            self._fault("unused-input", f"inputs= declares {name!r}, and no node takes a parameter of that name.")
        if annotation is MISSING:
            annotation = next((p.annotation for p in wanted if p.annotation is not MISSING), MISSING)
        if default is MISSING and name not in self._declared and all(p.default is not MISSING for p in wanted):
            default = wanted[0].default
            if any(not _same(p.default, default) for p in wanted):
                shown = ", ".join(repr(p.default) for p in wanted)
                self._fault(
                    "default-clash",
                    f"nodes disagree on the default of the input {name!r}: {shown}. Say which one holds with "
                    f"inputs={{{name!r}: (annotation, default)}}.",
                )
        return Parameter(name, annotation, default)

    def _order(self) -> None:
        for node, call in zip(self._nodes, self._draft.calls, strict=True):
            for earlier in node.placed().after:
                found = self._id_of(earlier)
                if found is None:
                    self._fault(
                        "bad-after", f"node {call.id!r}: after takes nodes of this workflow, and {earlier!r} is none."
                    )
                else:
                    call.after.append(found)

    def _merge(self) -> None:
        """Feed `Parents` of nodes that take no other node: they get all that nothing else takes."""
        gathering = [call for call in self._draft.calls if _takes_parents(call) and not wiring.feeding(call)]
        taken = {node for call in self._draft.calls for node in (*wiring.feeding(call), *call.after)}
        gatherers = {call.id for call in gathering}
        loose = [Output(node) for node in self._calls if node not in taken and node not in gatherers]
        for call in gathering:
            call.merged = list(loose)

    def _return(self, returns: Any) -> None:
        try:
            self._draft.returns = self._source(returns)
        except Unbindable as error:
            self._fault(error.code, str(error))
            return
        if isinstance(self._draft.returns, Output):
            found = self._calls[self._draft.returns.node].node_type
            self._draft.returns_annotation = MISSING if found is None else found.returns

    def _source(self, returned: Any) -> Source:
        if isinstance(returned, (list, tuple)):
            return Items(tuple(self._source(item) for item in returned))
        if isinstance(returned, dict):
            return Fields(tuple((str(key), self._source(item)) for key, item in returned.items()))
        found = self._id_of(returned)
        if found is None:
            raise Unbindable("bad-return", f"returns= takes nodes of this workflow, and {returned!r} is none.")
        return Output(found)

    def _id_of(self, node: Any) -> str | None:
        """Return the id of a node given again: the very same object, or the only one made of that function."""
        pairs = list(zip(self._nodes, self._draft.calls, strict=True))
        same = [call.id for other, call in pairs if other is node]
        if not same and isinstance(node, Node):
            same = [call.id for other, call in pairs if other.same_function(node)]
            return same[0] if len(same) == 1 else None
        return same[0] if same else None

    def _refuse(self, call: Call, parameter: str, code: str, message: str) -> None:
        self._fault(code, message)
        call.told.add(parameter)

    def _fault(self, code: str, message: str) -> None:
        self._draft.faults.append(Fault(code, message, self._draft.where))


def _declared(given: Any) -> tuple[Any, Any]:
    """Return annotation and default of a declared input: `int`, or `(int, 3)`."""
    if isinstance(given, tuple) and len(given) == 2:
        return given
    return given, MISSING


def _takes_parents(call: Call) -> bool:
    return call.node_type is not None and any(p.kind is ParameterKind.PARENTS for p in call.node_type.parameters)


def _same(left: Any, right: Any) -> bool:
    return left is right or (type(left) is type(right) and bool(left == right))
