"""Programs: plan nodes compiled against this process's code, once each, so that an attempt only reads and calls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import msgspec

from spane.authoring.registry import Registry
from spane.model.codec import Reader, compile_source, writer
from spane.model.node_type import MISSING, NodeType, ParameterKind
from spane.model.plan import PlanNode
from spane.runtime.layout import merged_fields
from spane.runtime.store import Store

Evaluate = Callable[[Mapping[str, bytes], bytes | None], bytes | None]


class DoesNotFit(Exception):
    """This process's code cannot run a plan node; `fingerprint` names what it would need."""

    def __init__(self, fingerprint: str, reason: str) -> None:
        super().__init__(reason)
        self.fingerprint = fingerprint
        self.reason = reason


class Program:
    """One plan node, ready to be called."""

    __slots__ = (
        "arguments", "config", "context", "dump", "fields", "fn", "is_async", "node", "node_type", "parents",
        "positional", "resources", "variadic", "variadic_name", "workflow",
    )  # fmt: skip

    def __init__(self, node: PlanNode, node_type: NodeType, workflow: str) -> None:
        self.node = node
        self.workflow = workflow
        self.node_type = node_type
        self.fn = node_type.fn
        self.is_async = node_type.is_async
        self.fields = merged_fields(node)
        readers = _Readers(node_type)
        self.arguments: list[tuple[str, Evaluate, Reader, bool]] = [
            (name, compile_source(source, node=node.id, parameter=name), readers.of(name), readers.required(name)) for name, source in node.arguments
        ]
        self.variadic: list[tuple[Evaluate, Reader]] = [
            (compile_source(source), readers.variadic) for source in node.args
        ]
        of_kind = {kind: [p for p in node_type.parameters if p.kind is kind] for kind in ParameterKind}
        self.context = next((p.name for p in of_kind[ParameterKind.CONTEXT]), None)
        self.parents = next((p.name for p in of_kind[ParameterKind.PARENTS]), None)
        self.resources = [(p.name, p.default) for p in of_kind[ParameterKind.RESOURCE]]
        before_variadic = [p.name for p in node_type.parameters if p.positional_only]
        if node.args:
            kinds = [p.kind for p in node_type.parameters]
            cut = kinds.index(ParameterKind.VARIADIC)
            before_variadic = [p.name for p in node_type.parameters[:cut]]
        self.positional = before_variadic
        self.variadic_name = node_type.variadic.name if node_type.variadic else ""
        self.dump = writer(node_type.returns)
        self.config = msgspec.json.decode(node.config)


class _Readers:
    """Compiled readers of a node type's parameters."""

    def __init__(self, node_type: NodeType) -> None:
        self._node_type = node_type
        variadic = node_type.variadic
        self.variadic = Reader(variadic.annotation if variadic else MISSING)

    def of(self, name: str) -> Reader:
        """Return the reader of a parameter, or of `**kwargs` for a name that is no parameter."""
        parameter = self._node_type.parameter(name) or self._node_type.keywords
        return Reader(parameter.annotation if parameter else MISSING)

    def required(self, name: str) -> bool:
        """Tell whether the parameter has no default to fall back on."""
        parameter = self._node_type.parameter(name)
        return parameter is not None and parameter.required


def fingerprint(node: PlanNode) -> str:
    """Name what a plan node needs of a worker's code: its type, its version and the parameters bound."""
    needs = "|".join((node.type, node.version, *sorted(name for name, _ in node.arguments)))
    return f"{node.type}.{hashlib.sha256(needs.encode()).hexdigest()[:8]}"


def check_fit(node: PlanNode, node_type: NodeType | None) -> NodeType:
    """Return the node type if it can run the node, else raise `DoesNotFit`."""
    if node_type is None:
        raise DoesNotFit(fingerprint(node), f"no node type {node.type!r} is registered in this worker")
    if node.version != node_type.options.version:
        raise DoesNotFit(
            fingerprint(node),
            f"the plan wants version {node.version!r} of {node.type!r}, this worker has {node_type.options.version!r}",
        )
    for name, _ in node.arguments:
        if node_type.parameter(name) is None and node_type.keywords is None:
            raise DoesNotFit(fingerprint(node), f"{node.type!r} has no parameter {name!r} in this worker")
    return node_type


class Programs:
    """All programs of this process, found by plan and node; plans are read in pages as their nodes come up."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._programs: dict[tuple[str, str], Program] = {}

    def of(self, plan: str, node: str, page: int) -> Program:
        """Return the program of a node.

        Raises:
            DoesNotFit: this process's code cannot run it.
            LookupError: the plan is not in the store, or does not have the node.
        """
        program = self._programs.get((plan, node))
        return program if program is not None else self._compile(plan, node, page)

    def _compile(self, plan: str, node: str, page: int) -> Program:
        nodes = self._store.plan_page(plan, page)
        if node not in nodes:
            raise LookupError(f"Plan {plan} with node {node!r} is not in the store.")
        workflow = self._store.plan_head(plan).workflow
        if len(self._programs) > 200_000:
            self._programs.clear()
        for plan_node in nodes.values():
            try:
                node_type = check_fit(plan_node, self._registry.get(plan_node.type))
            except DoesNotFit:
                if plan_node.id == node:
                    raise
                continue
            self._programs[plan, plan_node.id] = Program(plan_node, node_type, workflow)
        return self._programs[plan, node]

    def forget(self) -> None:
        """Drop what was compiled, because node types were replaced."""
        self._programs.clear()
