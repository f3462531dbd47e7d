"""Faults in what is bound to parameters: missing, too much, unknown inputs, values and types that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spane.errors import Fault
from spane.graph.annotations import render
from spane.graph.fitting import missing_fields, provably_incompatible
from spane.graph.forms import Array
from spane.graph.paths import NoSuchPart, spelled
from spane.graph.shapes import Shapes, constant_problem, depth
from spane.graph.spelling import hint
from spane.graph.steps import steps
from spane.graph.wiring import Wiring, bound
from spane.model.draft import Call, Draft
from spane.model.expressions import Constant, Input, Output, Source, leaves
from spane.model.node_type import MISSING, NodeType, Parameter, ParameterKind

#: Sources nest by the lists and dicts that somebody wrote around references; deeper than this is a mistake.
DEEPEST = 100

_FILLED = {
    ParameterKind.CONTEXT: "the attempt's context",
    ParameterKind.RESOURCE: "a resource",
    ParameterKind.PARENTS: "the outputs of its parents",
}

_ANY_LIST = Array()

_BIND_IN_CODE = "Pass a value, an input or another node's result, or give it a default."
_BIND_IN_DEFINITION = (
    "Give the value in the node's config, name a parent like the parameter, or bind it in the arguments of the node's "
    "spane object."
)


def bindings(draft: Draft, wiring: Wiring) -> Iterator[Fault]:
    """Find everything wrong with what the nodes and the result of a draft are bound to."""
    examiner = _Examiner(draft, wiring)
    for call in draft.calls:
        yield from examiner.call(call)
    for step in steps(draft):
        yield from examiner.step(step)
    yield from examiner.returns()


class _Examiner:
    """Goes over the bindings of one draft; remembers which pairs of annotations it has compared."""

    def __init__(self, draft: Draft, wiring: Wiring) -> None:
        self.draft = draft
        self.wiring = wiring
        self.inputs = {parameter.name: parameter for parameter in draft.inputs}
        self.shapes = Shapes(wiring.calls, self.inputs)
        self.compared: dict[tuple[int, int], bool] = {}

    def call(self, call: Call) -> Iterator[Fault]:
        sound = []
        for name, source in bound(call):
            who = f"Node {call.id!r} ({name})" if name else f"Node {call.id!r}"
            problems = list(self.source(source, who, call.where))
            yield from problems
            if not problems:
                sound.append((name, source))
        if call.node_type is None:
            return
        taken = {parameter.name: parameter for parameter in call.node_type.parameters}
        yield from self.unbound(call, call.node_type)
        yield from self.too_much(call, call.node_type, taken)
        for name, source in sound:
            parameter = taken.get(name, call.node_type.keywords)
            if parameter is not None and parameter.kind not in _FILLED:
                listed = call.each is not None and call.each.parameter == name
                yield from (self.no_list if listed else self.misfit)(call, parameter, name, source)
        yield from self.merged(call)
        yield from self.mapped(call)

    def step(self, step: Call) -> Iterator[Fault]:
        """Find what does not fit the parameters of what follows a failure."""
        for name, source in bound(step):
            taken = step.node_type
            parameter = None if taken is None else taken.parameter(name) or taken.keywords
            if parameter is not None and not any(
                isinstance(problem, Fault) for problem in self.source(source, "", step.where)
            ):
                yield from self.misfit(step, parameter, name, source)

    def returns(self) -> Iterator[Fault]:
        source = self.draft.returns
        if source is None:
            return
        problems = list(self.source(source, "What the workflow returns", self.draft.where))
        for leaf in leaves(source):
            if isinstance(leaf, Output) and leaf.node not in self.wiring.calls:
                known = hint(leaf.node, self.wiring.calls, "nodes")
                message = f"The workflow returns the output of {leaf.node!r}, which is no node of it. {known}"
                problems.append(Fault("unknown-node", message, self.draft.where))
        yield from problems
        if problems or not self.clash(given := self.shapes.of(source), self.draft.returns_annotation):
            return
        message = (
            f"The workflow is annotated to return {render(self.draft.returns_annotation)}, but returns "
            f"{self.shapes.said(source, given)}. Change the annotation or what is returned."
        )
        yield Fault("type-mismatch", message, self.draft.where)

    def source(self, source: Source, who: str, where: str) -> Iterator[Fault]:
        """Find what is wrong with a source by itself, wherever it goes."""
        if depth(source) > DEEPEST:
            yield Fault(
                "too-deep", f"{who} is bound to lists and dicts nested more than {DEEPEST} deep. Flatten them.", where
            )
            return
        for leaf in leaves(source):
            match leaf:
                case Constant():
                    if problem := constant_problem(leaf):
                        yield Fault("bad-constant", f"{who} is bound to a constant that {problem}.", where)
                case Input():
                    yield from self.input(leaf, who, where)
                case Output() if leaf.path and leaf.node in self.wiring.calls:
                    try:
                        self.shapes.of(leaf)
                    except NoSuchPart as error:
                        message = f"{who} takes `{leaf.node}{spelled(leaf.path)}`, which cannot be there: {error}"
                        yield Fault("unknown-part", _ended(message), where)

    def input(self, leaf: Input, who: str, where: str) -> Iterator[Fault]:
        if leaf.name is None:
            return
        if leaf.name not in self.inputs:
            if not self.draft.accepts_any_input:
                message = (
                    f"{who} takes the input {leaf.name!r}, which the workflow does not have. "
                    f"{hint(leaf.name, self.inputs, 'inputs')}"
                )
                yield Fault("unknown-input", message, where)
            return
        try:
            self.shapes.of(leaf)
        except NoSuchPart as error:
            message = f"{who} takes `{leaf.name}{spelled(leaf.path)}` of the inputs, which cannot be there: {error}"
            yield Fault("unknown-part", _ended(message), where)

    def unbound(self, call: Call, node_type: NodeType) -> Iterator[Fault]:
        mend = _BIND_IN_CODE if call.location.line else _BIND_IN_DEFINITION
        for parameter in node_type.parameters:
            if parameter.required and parameter.name not in call.arguments and parameter.name not in call.told:
                message = (
                    f"Node {call.id!r} has nothing bound to its parameter {parameter.name!r}, which has no default. "
                    f"{mend}"
                )
                yield Fault("unbound-parameter", message, call.where)

    def too_much(self, call: Call, node_type: NodeType, taken: dict[str, Parameter]) -> Iterator[Fault]:
        taker = node_type.name if call.child is None else f"workflow {call.child.workflow!r}"
        data = [name for name, parameter in taken.items() if parameter.kind is ParameterKind.DATA]
        for name in call.arguments:
            parameter = taken.get(name)
            if parameter is None and node_type.keywords is None:
                message = (
                    f"Node {call.id!r} is given {name!r}, but {taker} takes no parameter of that name. "
                    f"{hint(name, data, 'parameters')}"
                )
                yield Fault("unknown-parameter", message, call.where)
            elif parameter is not None and parameter.kind in _FILLED:
                message = (
                    f"Node {call.id!r} is given {name!r}, but that parameter is filled with {_FILLED[parameter.kind]} "
                    "when it runs. Leave it out."
                )
                yield Fault("unknown-parameter", message, call.where)
        if call.args and node_type.variadic is None:
            more = "one more value" if len(call.args) == 1 else f"{len(call.args)} more values"
            message = (
                f"Node {call.id!r} is given {more} than {taker} has parameters for. "
                f"Take {'it' if len(call.args) == 1 else 'them'} out, or give the function a `*args`."
            )
            yield Fault("unknown-parameter", message, call.where)

    def merged(self, call: Call) -> Iterator[Fault]:
        if any(not isinstance(source, Output) or source.path for source in call.merged):
            message = (
                f"Node {call.id!r} merges something else than whole outputs of nodes. Its `Parents` can hold only "
                "those; bind other values to parameters of their own."
            )
            yield Fault("bad-merge", message, call.where)

    def misfit(self, call: Call, parameter: Parameter, name: str, source: Source) -> Iterator[Fault]:
        given = self.shapes.of(source)
        if self.clash(given, parameter.annotation):
            what = self.shapes.said(source, given)
            lacking = missing_fields(given, parameter.annotation)
            why = f", which has no {', '.join(map(repr, lacking))}" if lacking else ""
            message = (
                f"Node {call.id!r} takes {render(parameter.annotation)} as {name!r}, but is given {what}{why}. "
                f"{_mend(source)}"
            )
            yield Fault("type-mismatch", message, call.where)

    def mapped(self, call: Call) -> Iterator[Fault]:
        """Find maps over what is bound to nothing, and of nodes that cannot be mapped."""
        if call.each is None or call.node_type is None:
            return
        name = call.each.parameter
        if call.node_type.routes:
            message = f"Node {call.id!r} chooses its children, which a map of it cannot do. Call it for a single value."
            yield Fault("bad-map", message, call.where)
        elif not name and call.location.line:
            return  # told where it was written
        elif name not in call.arguments and not self._is_told_already(call, call.node_type):
            data = [p.name for p in call.node_type.parameters if p.kind is ParameterKind.DATA]
            message = f"Map {call.id!r} has no list to go over: nothing is bound to {name!r}. {hint(name, data, 'parameters')}"
            yield Fault("bad-map", message, call.where)

    def _is_told_already(self, call: Call, node_type: NodeType) -> bool:
        name = call.each.parameter if call.each is not None else ""
        parameter = node_type.parameter(name)
        return name in call.told or (parameter is not None and parameter.required)

    def no_list(self, call: Call, parameter: Parameter, name: str, source: Source) -> Iterator[Fault]:
        """Find what is wrong with the list that a map goes over."""
        given = self.shapes.of(source)
        if self.clash(given, _ANY_LIST):
            message = (
                f"Map {call.id!r} goes over {self.shapes.said(source, given)}, which is no list. Give it a list, or call "
                f"{call.type} itself for a single value."
            )
            yield Fault("map-over-no-list", message, call.where)
            return
        taken = Array(item=parameter.annotation)
        self.shapes.keep(taken)
        if parameter.annotation is not MISSING and self.clash(given, taken):
            message = (
                f"Map {call.id!r} gives each item as {name!r}, which takes {render(parameter.annotation)}, but goes over "
                f"{self.shapes.said(source, given)}. {_mend(source)}"
            )
            yield Fault("type-mismatch", message, call.where)

    def clash(self, given: Any, taken: Any) -> bool:
        if given is MISSING or taken is MISSING:
            return False
        key = id(given), id(taken)
        if key not in self.compared:
            self.shapes.keep(given)
            self.compared[key] = provably_incompatible(given, taken)
        return self.compared[key]


def _ended(message: str) -> str:
    return message if message.endswith((".", "?")) else f"{message}."


def _mend(source: Source) -> str:
    if isinstance(source, Constant):
        return "Pass a value of that type, or change the annotation."
    return "Change one of the two annotations, pass a part of it, or put a node between that converts."
