"""A workflow as another body calls it: a node that runs it as a child execution, with an id and rules of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, cast, overload

from spane.authoring import builtin, locations, mapping, options
from spane.authoring.keywords import options_of
from spane.authoring.mapping import Mapped
from spane.authoring.options import UNSET
from spane.authoring.signatures import Signature, inspect_signature
from spane.authoring.sources import Written, listed
from spane.authoring.tracing import ACTIVE, Placed
from spane.errors import DefinitionError, Fault
from spane.model.draft import Child
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import MISSING, NodeOptions, NodeType, Parameter
from spane.model.outcome import NodeError
from spane.model.rules import OnFailure, OnItemFailure

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")


class Called(Written, Generic[P, R]):
    """A workflow with an id and rules for one call in another workflow's body."""

    noun = "workflow"

    def __init__(
        self,
        workflow: Workflow[P, R],
        node_id: str | None = None,
        rules: NodeOptions = builtin.WORKFLOW.options,
        after: tuple[Any, ...] = (),
    ) -> None:
        self.__name__ = workflow.name
        self._workflow = workflow
        self._id = node_id
        self._rules = rules
        self._after = after

    def __repr__(self) -> str:
        return f"{self._workflow!r}{f' named {self._id!r}' if self._id else ''}"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Write the call down and return a reference; anywhere but in a body, run the whole workflow."""
        trace = ACTIVE.get()
        if trace is None:
            return self._workflow(*args, **kwargs)
        return cast("R", trace.call(self.placed(builtin.WORKFLOW), args, kwargs))

    def named(self, node_id: str, /) -> Self:
        """Return this workflow with an id of its own for one call: `ship.named("ship_eu")(order)`."""
        if not (isinstance(node_id, str) and is_name(node_id)):
            message = f"{node_id!r} cannot be a node's id; an id has {NAME_RULE}."
            fault = Fault("bad-name", message, str(locations.caller()))
            raise DefinitionError(f"Workflow {self._workflow.name!r}", [fault])
        return type(self)(self._workflow, node_id, self._rules, self._after)

    @options_of(
        "workflow.options",
        advice="A timeout, retries and the queue are options of the nodes of the workflow that is called.",
    )
    def options(
        self,
        *,
        after: Any = UNSET,
        priority: int | None = UNSET,
        delay_s: float = UNSET,
        on_failure: OnFailure = UNSET,
    ) -> Self:
        """Return this workflow with other rules for one call: `ship.options(priority=9)(order)`.

        Args:
            after: a reference, or several in a list: the call then also waits for those nodes, without taking their results.
            priority: 1 (last) to 10 (first), of all nodes of the child; None takes the execution's.
            delay_s: seconds to wait before it starts, once its parents are done.
            on_failure: `"continue"` lets what comes after it go on without it when it fails.
        """
        rules = options.changed(
            self._rules, self._workflow.name, priority=priority, delay_s=delay_s, on_failure=on_failure
        )
        return type(self)(self._workflow, self._id, rules, self._after if after is UNSET else listed(after))

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
    def map(
        self,
        over: Any,
        /,
        *rest: Any,
        max_in_flight: int | None = None,
        on_item_failure: OnItemFailure = "fail",
        **other: Any,
    ) -> Any:
        """Run the workflow once for each item of a list, each as a child execution; see `Workflow.map`."""
        mapped = Mapped(max_in_flight, on_item_failure)
        trace = ACTIVE.get()
        if trace is None:
            call = partial(_plainly, self._workflow, rest, other)
            return mapping.plain(self._workflow.name, call, over, mapped)
        return trace.call(replace(self.placed(builtin.WORKFLOW), mapped=mapped), (over, *rest), other)

    @property
    def child(self) -> Child:
        """What the workflow is to one that calls it."""
        return self._workflow.child

    def placed(self, base: NodeType) -> Placed:
        """Return what a body writes down of this call, whose node is of a built-in type."""
        child = self.child
        node_type = child.typed(base)
        signature = Signature(node_type.parameters, child.returns, (), _inspected(self._workflow, child.inputs))
        return Placed(node_type, signature, self._workflow.name, self._id, self._rules, self._after, child)


def _plainly(workflow: Workflow[..., R], rest: tuple[Any, ...], other: dict[str, Any], item: Any) -> R:
    return workflow(item, *rest, **other)


def _inspected(workflow: Workflow[..., Any], inputs: tuple[Parameter, ...]) -> inspect.Signature:
    """Return the signature of a workflow's body; one that has none takes its inputs by name."""
    body: Callable[..., Any] | None = getattr(workflow, "__wrapped__", None)
    if body is not None:
        return inspect_signature(body)
    empty = inspect.Parameter.empty
    return inspect.Signature(
        [
            inspect.Parameter(
                p.name, inspect.Parameter.KEYWORD_ONLY, default=empty if p.default is MISSING else p.default
            )
            for p in inputs
            if p.name.isidentifier()
        ]
    )
