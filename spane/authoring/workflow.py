"""A workflow: traced to a draft, compiled to a plan, drawn, called, and bound to its inputs."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from pydantic import ValidationError

from spane import graph
from spane.authoring import builtin, inputs, locations, registry, running
from spane.authoring.called import Called
from spane.authoring.sources import Written
from spane.authoring.tracing import ACTIVE
from spane.errors import DefinitionError, Fault, InputError, ValueMismatch
from spane.model import codec
from spane.model.draft import Child, Draft
from spane.model.node_type import Location
from spane.model.outcome import NodeError
from spane.model.plan import Plan

if TYPE_CHECKING:
    from networkx import DiGraph

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

#: Bodies are traced one at a time: one that calls another workflow has that one traced as well.
_TRACING = threading.RLock()
_BEING_TRACED: ContextVar[tuple[Workflow[..., Any], ...]] = ContextVar("spane.being_traced", default=())


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

    def __repr__(self) -> str:
        return f"<workflow {self.name!r} at {self.location}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the whole workflow in this process and return its result; a node's own exception is raised again.

        In another workflow's body, write the call down: it becomes a node that runs this one as a child execution.
        """
        if ACTIVE.get() is not None:
            return Called(self)(*args, **kwargs)
        result: R = running.in_process(self, self._named(args, kwargs))
        return result

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> Bound[R]:
        """Return this workflow with its inputs, for a typed `engine.start(...)`."""
        return Bound(self, self._named(args, kwargs))

    def named(self, node_id: str, /) -> Called[P, R]:
        """Return this workflow with an id of its own for one call in a body: `ship.named("ship_eu")(order)`."""
        return Called(self).named(node_id)

    @property
    def options(self) -> Callable[..., Called[P, R]]:
        """Give this workflow other rules for one call in a body: `ship.options(priority=9)(order)`; see `Called.options`."""
        return Called(self).options

    @overload
    def map(
        self: Callable[Concatenate[T, Q], R],
        over: Iterable[T],
        /,
        *rest: Any,
        max_in_flight: int | None = None,
        on_item_failure: Literal["collect"],
        **other: Any,
    ) -> list[R | NodeError]: ...
    @overload
    def map(
        self: Callable[Concatenate[T, Q], R],
        over: Iterable[T],
        /,
        *rest: Any,
        max_in_flight: int | None = None,
        on_item_failure: Literal["fail", "skip"] = "fail",
        **other: Any,
    ) -> list[R]: ...
    def map(self, over: Any, /, *rest: Any, **other: Any) -> Any:
        """Run this workflow once for each item of a list, each as a child execution, and give the list of their results.

        The list may be known only at run time. Each item is given as the first input; all else is as for `node.map`.

        >>> @workflow
        ... def ship_all(order_ids: list[int]) -> list[str]:
        ...     return ship.map(order_ids, max_in_flight=10)

        """
        return Called(self).map(over, *rest, **other)

    @property
    def draft(self) -> Draft:
        """What the body said, faults included; traced at the first look and kept."""
        known: Draft | None = self.__dict__.get("_draft")
        if known is not None:
            return known
        with _TRACING:
            return self._draft

    @property
    def graph(self) -> DiGraph[str]:
        """The graph: nodes by id, edges bound to parameters. It is there even if it has faults."""
        built: DiGraph[str] = graph.build(self.draft)
        return built

    @property
    def plan(self) -> Plan:
        """The plan; DefinitionError with all faults if there are any."""
        known: Plan | None = self.__dict__.get("_plan")
        if known is not None:
            return known
        with _TRACING:
            return self._plan

    @property
    def kids(self) -> tuple[Plan, ...]:
        """The plans of all workflows that this one calls, and that they call: each once, before those that call it."""
        called = [call.child for call in self.draft.calls if call.child is not None]
        return tuple({plan.hash: plan for child in called for plan in (*child.kids, child.plan)}.values())

    @property
    def child(self) -> Child:
        """What a workflow that calls this one knows of it; DefinitionError with all faults if there are any."""
        with _TRACING:
            if self in _BEING_TRACED.get():
                raise self._recursion()
            below = [call.child.levels for call in self.draft.calls if call.child is not None]
            draft = self.draft
            return Child(
                self.name,
                self.plan,
                self.kids,
                1 + max(below, default=0),
                draft.inputs,
                draft.returns_annotation,
                builtin.UNDO if self.plan.undoes else None,
                draft.starts.priority,
            )

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
            types: where its node types, and the workflows that its nodes run, are looked up; what this process has
                imported unless given.

        Raises:
            DefinitionError: with everything that is wrong with it.

        """
        from spane.graph import definition  # noqa: PLC0415 - a worker reads plans

        known = registry.default if types is None else types
        workflows = definition.Workflows(
            lambda name: None if (found := known.workflow(name)) is None else found.child,
            [each.name for each in known.workflows()],
        )
        draft = definition.read(source, known.get, known.names(), workflows)
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
        token = _BEING_TRACED.set((*_BEING_TRACED.get(), self))
        try:
            return self.trace()
        finally:
            _BEING_TRACED.reset(token)

    @functools.cached_property
    def _plan(self) -> Plan:
        return graph.lower(self._draft)

    def _recursion(self) -> DefinitionError:
        tracing = _BEING_TRACED.get()
        path: list[Workflow[..., Any]] = [*tracing[tracing.index(self) :], self]
        names = [each.name for each in path]
        message = (
            f"workflow {self.name!r} calls itself ({' -> '.join(names)}), so it would never end. Repeat a workflow by "
            "repeat_until(...), or start it by an engine from a node."
        )
        return DefinitionError(f"Workflow {self.name!r}", [Fault("recursion", message, str(locations.caller()))])

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
