"""`@workflow`: a function whose body wires nodes together, or nodes wired by their signatures."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from pydantic import ValidationError

from spane import graph
from spane.authoring import assembly, body, inputs, locations, registry, running
from spane.authoring.keywords import options_of
from spane.authoring.node import Node
from spane.authoring.sources import Written
from spane.authoring.tracing import ACTIVE
from spane.errors import DefinitionError, Fault, InputError, ValueMismatch
from spane.model import codec
from spane.model.draft import Draft
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import Location
from spane.model.plan import Plan

if TYPE_CHECKING:
    from networkx import DiGraph

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Bound(Generic[R_co]):
    """A workflow with inputs, ready to start: `engine.start(fulfil.bind(order_id=7))`."""

    workflow: Workflow[..., R_co]
    inputs: dict[str, Any]


class Workflow(Written, Generic[P, R]):
    """A workflow. Called, it runs as a whole in this process; bound or by name, an engine starts it.

    Its body is traced once, when the draft is first needed.
    """

    noun = "workflow"

    def __init__(
        self, name: str, trace: Callable[[], Draft], *, location: Location, like: Callable[..., Any] | None = None
    ) -> None:
        """Wrap what `trace` gives; `like` is the body, whose name, module and docstring it takes over."""
        self.name = name
        self.location = location
        self.trace = trace
        self.__name__ = self.__qualname__ = name
        self.__module__ = "" if like is None else like.__module__
        if like is not None:
            functools.update_wrapper(self, like, updated=())
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<workflow {self.name!r} at {self.location}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the whole workflow in this process and return its result; a node's own exception is raised again."""
        if ACTIVE.get() is not None:
            message = (
                f"workflow {self.name!r} is called inside another workflow's body, which is not supported yet. Call its "
                "nodes there, or start it by an engine from a node."
            )
            raise DefinitionError(
                f"Workflow {self.name!r}", [Fault("nested-workflow", message, str(locations.caller()))]
            )
        result: R = running.in_process(self, self._named(args, kwargs))
        return result

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> Bound[R]:
        """Return this workflow with its inputs, for a typed `engine.start(...)`."""
        return Bound(self, self._named(args, kwargs))

    @property
    def draft(self) -> Draft:
        """What the body said, faults included; traced at the first look and kept."""
        with self._lock:
            return self._draft

    @property
    def graph(self) -> DiGraph[str]:
        """The graph: nodes by id, edges bound to parameters. It is there even if it has faults."""
        built: DiGraph[str] = graph.build(self.draft)
        return built

    @property
    def plan(self) -> Plan:
        """The plan; DefinitionError with all faults if there are any."""
        with self._lock:
            return self._plan

    @property
    def warnings(self) -> list[Fault]:
        """What is allowed, but probably not meant."""
        return graph.check(self.draft)[1]

    def draw(self, format: Literal["text", "mermaid", "svg"] = "text") -> str:  # noqa: A002 - the word users know
        """Return a drawing: a tree for terminals, Mermaid, or SVG."""
        from spane.graph import draw  # noqa: PLC0415 - a worker never draws

        drawings = {"text": draw.text, "mermaid": draw.mermaid, "svg": draw.svg}
        if format not in drawings:
            raise ValueError(f"Cannot draw as {format!r}; formats are {', '.join(drawings)}.")
        return drawings[format](self.draft)

    def to_definition(self) -> dict[str, Any]:
        """Return the workflow as a JSON definition."""
        from spane.graph import definition  # noqa: PLC0415 - a worker reads plans

        return definition.write(self.draft)

    @classmethod
    def from_definition(
        cls, source: str | bytes | Mapping[str, Any], types: registry.Registry | None = None
    ) -> Workflow[..., Any]:
        """Return the workflow that a JSON definition describes.

        Args:
            source: the definition as a dict, or as JSON text.
            types: where its node types are looked up; what this process has imported unless given.

        Raises:
            DefinitionError: with everything that is wrong with it.

        """
        from spane.graph import definition  # noqa: PLC0415 - a worker reads plans

        known = registry.default if types is None else types
        draft = definition.read(source, known.get, known.names())
        made: Workflow[..., Any] = Workflow(draft.workflow, lambda: draft, location=draft.location)
        _ = made.plan
        return made

    def encode_inputs(self, given: Mapping[str, Any]) -> bytes:
        """Return inputs as a JSON object, defaults included; InputError if they do not fit."""
        return inputs.encode(self.draft, given)

    def decode_result(self, raw: bytes) -> Any:
        """Return a result of this workflow as what its annotation says; plain JSON values without one."""
        reader = codec.Reader(self.draft.returns_annotation)
        try:
            return reader.read(raw)
        except ValidationError as error:
            problems = reader.problems(error, raw, "result")
            lines = "\n".join(f"  - {problem}" for problem in problems)
            raise ValueMismatch(
                f"Workflow {self.name!r} came to a result that is not what its body's return annotation says:\n{lines}\n"
                "A node returned something else than it is annotated to; change the node or the annotations.",
                node=self.name,
                parameter="return",
                problems=tuple(problems),
            ) from error

    @functools.cached_property
    def _draft(self) -> Draft:
        return self.trace()

    @functools.cached_property
    def _plan(self) -> Plan:
        return graph.lower(self._draft)

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return inputs by name; what is missing is found when they are encoded."""
        names = [parameter.name for parameter in self.draft.inputs] if args else []
        by_position = dict(zip(names, args, strict=False))
        twice = [name for name in by_position if name in kwargs]
        if len(args) > len(names) or twice:
            problem = (
                f"{len(args)} values are given by position, and there are {len(names)} inputs."
                if len(args) > len(names)
                else f"{', '.join(twice)}: given twice, by position and by name."
            )
            raise InputError(
                f"The inputs do not fit workflow {self.name!r}:\n  - {problem}", workflow=self.name, problems=(problem,)
            )
        return {**by_position, **kwargs}


class _WorkflowDecorator:
    """Make a workflow of a function whose body wires nodes.

    The body runs once, when its graph is first needed, with references for its inputs; it must give the same
    graph every time. `workflow.of` wires nodes by their signatures instead.

    >>> @workflow
    ... def fulfil(order_id: int) -> str:
    ...     order = load_order(order_id)
    ...     return notify(charge(order))
    """

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Workflow[P, R]: ...
    @overload
    def __call__(
        self, fn: None = None, /, *, name: str | None = None
    ) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...
    @options_of("@workflow", advice="Rules like retry, timeout_s and queue are options of its nodes.")
    def __call__(self, fn: Any = None, /, *, name: str | None = None) -> Any:
        def decorate(target: Any) -> Workflow[Any, Any]:
            read = body.Body(target, name, locations.caller_frame())
            made: Workflow[Any, Any] = Workflow(read.name, read.trace, location=read.location, like=target)
            return _registered(made)

        return decorate if fn is None else decorate(fn)

    @overload
    def of(
        self, name: str, /, *nodes: Node[..., Any], inputs: Mapping[str, Any] | None = None, returns: Node[..., R]
    ) -> Workflow[..., R]: ...
    @overload
    def of(
        self, name: str, /, *nodes: Node[..., Any], inputs: Mapping[str, Any] | None = None, returns: Any = None
    ) -> Workflow[..., Any]: ...
    @options_of("workflow.of")
    def of(
        self, name: str, /, *nodes: Node[..., Any], inputs: Mapping[str, Any] | None = None, returns: Any = None
    ) -> Workflow[..., Any]:
        """Make a workflow of nodes wired by their signatures, whatever the order they are given in.

        A parameter named like a node (its id) takes that node's output; any other becomes an input.

        Args:
            name: the workflow's name.
            nodes: the nodes, each with `.named(...)` or `.options(...)` where needed.
            inputs: annotations of inputs by name, `{"depth": int}`, or annotation and default, `{"depth": (int, 3)}`.
            returns: a node, or a list, tuple or dict of nodes; unless given, the result of the last node, or
                `{node_id: result}` if there are several that no other takes.

        >>> report = workflow.of("report", fetch, parse, score)

        """
        location = locations.caller()
        if not (isinstance(name, str) and is_name(name)):
            message = f"{name!r} cannot be the name of a workflow; a name has {NAME_RULE}."
            raise DefinitionError(f"Workflow {name!r}", [Fault("bad-name", message, str(location))])
        assembly.require_nodes(name, nodes, location)

        def trace() -> Draft:
            return assembly.Assembly(name, nodes, inputs or {}, location).wire(returns)

        made: Workflow[..., Any] = Workflow(name, trace, location=location)
        frame = locations.caller_frame()
        made.__module__ = "" if frame is None else frame.f_globals.get("__name__", "")
        return _registered(made)


def _registered(made: Workflow[Any, Any]) -> Workflow[Any, Any]:
    trace = ACTIVE.get()
    if trace is not None:
        trace.fault("workflow-in-body", f"workflow {made.name!r} is made inside a workflow's body. Define it outside.")
    else:
        registry.default.add_workflow(made)
    return made


workflow = _WorkflowDecorator()
