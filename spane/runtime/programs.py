"""Programs: plan nodes compiled against this process's code, once each, so that an attempt only reads and calls."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from functools import partial
from itertools import takewhile
from typing import Any

import msgspec

from spane.authoring import waits
from spane.authoring.registry import Registry
from spane.errors import DefinitionError
from spane.graph.annotations import takes_none
from spane.model import items
from spane.model.codec import Reader, compile_source
from spane.model.expressions import Constant, First, Source
from spane.model.node_type import MISSING, NodeType, ParameterKind
from spane.model.plan import PlanNode
from spane.model.waits import WAIT_FOR_EVENT
from spane.runtime.choices import Choices
from spane.runtime.guard import Guard
from spane.runtime.inheritance import Inheritance
from spane.runtime.layout import came_field, merged_fields
from spane.runtime.mapping import MapProgram
from spane.runtime.results import ResultType
from spane.runtime.store import Store

#: Programs are small, but plans come and go; past this many all are dropped and read again.
_PROGRAMS_KEPT = 200_000
_PAGES_KEPT = 5_000
_NULL = Constant(msgspec.Raw(b"null"))

Evaluate = Callable[[Mapping[str, bytes], bytes | None], bytes | None]


class DoesNotFit(Exception):
    """This process's code cannot run a plan node; `fingerprint` names what it would need."""

    def __init__(self, fingerprint: str, reason: str) -> None:
        super().__init__(reason)
        self.fingerprint = fingerprint
        self.reason = reason


class Shape:
    """A node type's signature compiled once: how each parameter is read, and how the result is written."""

    __slots__ = ("context", "keywords", "leading", "node_type", "parents", "readers", "resources", "result", "variadic")

    def __init__(self, node_type: NodeType) -> None:
        self.node_type = node_type
        parameters = node_type.parameters
        self.readers = {p.name: (Reader(p.annotation), p.required) for p in parameters if p.kind is ParameterKind.DATA}
        variadic, keywords = node_type.variadic, node_type.keywords
        self.variadic = (variadic.name, Reader(variadic.annotation)) if variadic else ("", Reader(MISSING))
        self.keywords = (Reader(keywords.annotation if keywords else MISSING), False)
        self.context = next((p.name for p in parameters if p.kind is ParameterKind.CONTEXT), None)
        self.parents = next((p.name for p in parameters if p.kind is ParameterKind.PARENTS), None)
        self.resources = [(p.name, p.default) for p in parameters if p.kind is ParameterKind.RESOURCE]
        self.leading = [p.name for p in takewhile(lambda p: p.kind is not ParameterKind.VARIADIC, parameters)]
        self.result = ResultType(node_type.returns)

    def asked(self, name: str, source: Source) -> Source:
        """Return the source of a parameter, with null behind it where a value that was skipped is taken as None."""
        reader, required = self.readers.get(name, self.keywords)
        return First((source, _NULL)) if required and takes_none(reader.annotation) else source


class Program:
    """One plan node, ready to be called."""

    __slots__ = (
        "arguments", "came", "choices", "config", "context", "dump", "fields", "fn", "guard", "is_async", "key", "node", "parents", "positional",
        "resources", "variadic", "variadic_name", "variadic_reader", "workflow",
    )  # fmt: skip

    def __init__(self, node: PlanNode, shape: Shape, workflow: str, inherited: Callable[[Source], Any]) -> None:
        self.node = node
        called = node.id.replace(items.MARK, "")
        self.workflow = workflow
        self.fn = shape.node_type.fn
        self.is_async = shape.node_type.is_async
        self.fields = merged_fields(node)
        self.came = came_field(node.id) if node.waits else ""
        self.arguments: list[tuple[str, Evaluate, Reader, bool]] = [
            (
                name,
                compile_source(shape.asked(name, source), node=called, parameter=name),
                *_reader(shape, name, source, inherited),
            )
            for name, source in node.arguments
        ]
        self.variadic_name, self.variadic_reader = shape.variadic
        self.variadic: list[Evaluate] = [
            compile_source(source, node=called, parameter=self.variadic_name) for source in node.args
        ]
        self.context = shape.context
        self.parents = shape.parents
        self.resources = shape.resources
        # What stands before *args has to go by position once there are any.
        self.positional = (
            shape.leading if node.args else [p.name for p in shape.node_type.parameters if p.positional_only]
        )
        breaker = node.breaker
        self.guard = None if breaker is None else Guard(breaker, shape.node_type, self.positional)
        self.dump = shape.result.dump_for(called)
        self.choices = Choices(node)
        self.config = msgspec.json.decode(node.config)
        self.key = _key(node)


def _key(node: PlanNode) -> tuple[Evaluate, str] | None:
    """Return what gives the key of a node's limit, and the path from there to it."""
    if node.limit is None or node.limit.key is None:
        return None
    name, _, path = node.limit.key.partition(".")
    return compile_source(dict(node.arguments).get(name, _NULL), node=node.id, parameter=name), path


def _reader(shape: Shape, name: str, source: Source, inherited: Callable[[Source], Any]) -> tuple[Reader, bool]:
    reader, required = shape.readers.get(name, shape.keywords)
    return (Reader(inherited(source)) if reader.annotation is MISSING else reader), required


def fingerprint(node: PlanNode) -> str:
    """Name what a plan node needs of a worker's code: its type, its version and the parameters bound."""
    needs = "|".join((node.type, node.version, *sorted(name for name, _ in node.arguments)))
    return f"{node.type}.{hashlib.sha256(needs.encode()).hexdigest()[:8]}"


def check_fit(node: PlanNode, node_type: NodeType | None) -> NodeType:
    """Return the node type if it can run the node, else raise `DoesNotFit`."""
    if node_type is None:
        raise DoesNotFit(fingerprint(node), f"no node type {node.type!r} is registered where it was fetched")
    if node.version != node_type.options.version:
        raise DoesNotFit(
            fingerprint(node),
            f"the plan wants version {node.version!r} of {node.type!r}, and where it was fetched there is {node_type.options.version!r}",
        )
    for name, _ in node.arguments:
        if node_type.parameter(name) is None and node_type.keywords is None:
            raise DoesNotFit(fingerprint(node), f"{node.type!r} has no parameter {name!r} where it was fetched")
    return node_type


def _shape(node: PlanNode, node_type: NodeType) -> Shape:
    try:
        return Shape(node_type)
    except DefinitionError as error:  # the plan was made by code with other annotations
        raise DoesNotFit(fingerprint(node), str(error)) from error


class Programs:
    """All programs of this process, found by plan and node; plans are read in pages as their nodes come up."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._inheritance = Inheritance(registry)
        self._programs: dict[tuple[str, str], Program | MapProgram] = {}
        self._shapes: dict[NodeType, Shape] = {}
        self._pages: dict[tuple[str, int], tuple[str, Mapping[str, PlanNode]]] = {}
        self._reading = threading.Lock()

    def of(self, plan: str, node: str, page: int) -> Program | MapProgram:
        """Return the program of a node.

        Raises:
            DoesNotFit: this process's code cannot run it.
            LookupError: the plan is not in the store, or does not have the node.
        """
        program = self._programs.get((plan, items.program_of(node)))
        return program if program is not None else self._compile(plan, node, page)

    def known(self, plan: str, node: str) -> Program | MapProgram | None:
        """Return the program of a node if it is at hand."""
        return self._programs.get((plan, items.program_of(node)))

    def _compile(self, plan: str, node: str, page: int) -> Program | MapProgram:
        workflow, nodes = self._page(plan, page)
        listed = items.map_of(node)
        plan_node = nodes.get(listed or items.program_of(node))
        if plan_node is None:
            raise LookupError(f"Plan {plan} with node {node!r} is not in the store.")
        each = plan_node.each
        if each is not None:
            plan_node = items.item_of(plan_node)
        try:
            node_type = check_fit(plan_node, self._registry.get(plan_node.type))
        except DefinitionError as error:
            raise DoesNotFit(fingerprint(plan_node), str(error)) from error
        if plan_node.type == WAIT_FOR_EVENT:
            node_type = self._as_written(workflow, plan_node, node_type)
        shape = self._shapes.get(node_type) or self._shapes.setdefault(node_type, _shape(plan_node, node_type))
        if len(self._programs) > _PROGRAMS_KEPT:
            self._programs.clear()
        inherited = partial(self._inheritance.annotation, plan, workflow)
        program: Program | MapProgram = Program(plan_node, shape, workflow, inherited)
        if each is not None and listed is None:
            program = MapProgram(nodes[node], each, workflow)
        self._programs[plan, items.program_of(node)] = program
        return program

    def _as_written(self, workflow: str, node: PlanNode, node_type: NodeType) -> NodeType:
        """Return a wait as the workflow has it in this process: its code knows the type of the event's data."""
        known = self._registry.workflow(workflow)
        try:
            return node_type if known is None else waits.written_in(known, node) or node_type
        except DefinitionError:  # what cannot be traced here was traced where it was started
            return node_type

    def _page(self, plan: str, page: int) -> tuple[str, Mapping[str, PlanNode]]:
        # Threads that come upon a new page together wait for one of them to read it.
        with self._reading:
            known = self._pages.get((plan, page))
            if known is None:
                found = self._store.plan_page(plan, page)
                if found is None:
                    return "", {}
                if len(self._pages) > _PAGES_KEPT:
                    self._pages.clear()
                known = self._pages[plan, page] = (found.workflow, found.by_id)
            return known

    def forget(self) -> None:
        """Drop what was compiled, because node types were replaced."""
        self._programs.clear()
        self._shapes.clear()
        self._inheritance = Inheritance(self._registry)
