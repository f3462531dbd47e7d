"""`@workflow`: a function whose body wires nodes together, or nodes wired by their signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from spane.authoring import assembly, body, locations, registry
from spane.authoring.keywords import options_of
from spane.authoring.limits import Limit, limit_of
from spane.authoring.node import Node, as_step
from spane.authoring.tracing import ACTIVE
from spane.authoring.workflow import Workflow
from spane.errors import DefinitionError, Fault
from spane.model.draft import Call, Draft
from spane.model.ids import NAME_RULE, is_name
from spane.model.plan import ON_FAILURE
from spane.model.rules import LimitRule

P = ParamSpec("P")
R = TypeVar("R")


class _WorkflowDecorator:
    """Make a workflow of a function whose body wires nodes.

    The body runs once, when its graph is first needed, with references for its inputs; it must give the same
    graph every time. `workflow.of` wires nodes by their signatures instead. `limit` is how many of its executions run
    at once, or begin in a period (see `@node`); those over it stay `scheduled`. One that has not ended `deadline_s` after its
    beginning fails with `DeadlineExceeded`. `on_failure` is a function or node that runs when an execution fails, before it
    has failed: it takes inputs by their names, and a `Failure`.

    >>> @workflow
    ... def fulfil(order_id: int) -> str:
    ...     order = load_order(order_id)
    ...     return notify(charge(order))
    """

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Workflow[P, R]: ...
    @overload
    def __call__(
        self,
        fn: None = None,
        /,
        *,
        name: str | None = None,
        limit: int | str | Limit | None = None,
        deadline_s: float | None = None,
        on_failure: Callable[..., Any] | None = None,
    ) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...
    @options_of("@workflow", advice="Rules like retry, timeout_s and queue are options of its nodes.")
    def __call__(
        self,
        fn: Any = None,
        /,
        *,
        name: str | None = None,
        limit: int | str | Limit | None = None,
        deadline_s: float | None = None,
        on_failure: Callable[..., Any] | None = None,
    ) -> Any:
        rule = _rule(limit)

        def decorate(target: Any) -> Workflow[Any, Any]:
            read = body.Body(target, name, locations.caller_frame())

            def limited() -> Draft:
                draft = read.trace()
                draft.limit = rule
                draft.deadline_s = deadline_s
                return draft

            trace = _hearing(limited, on_failure)
            made: Workflow[Any, Any] = Workflow(read.name, trace, location=read.location, like=target)
            return _registered(made)

        return decorate if fn is None else decorate(fn)

    @overload
    def of(
        self,
        name: str,
        /,
        *nodes: Node[..., Any],
        inputs: Mapping[str, Any] | None = None,
        returns: Node[..., R],
        on_failure: Callable[..., Any] | None = None,
    ) -> Workflow[..., R]: ...
    @overload
    def of(
        self,
        name: str,
        /,
        *nodes: Node[..., Any],
        inputs: Mapping[str, Any] | None = None,
        returns: Any = None,
        on_failure: Callable[..., Any] | None = None,
    ) -> Workflow[..., Any]: ...
    @options_of("workflow.of")
    def of(
        self,
        name: str,
        /,
        *nodes: Node[..., Any],
        inputs: Mapping[str, Any] | None = None,
        returns: Any = None,
        on_failure: Callable[..., Any] | None = None,
    ) -> Workflow[..., Any]:
        """Make a workflow of nodes wired by their signatures, whatever the order they are given in.

        A parameter named like a node (its id) takes that node's output; any other becomes an input.

        Args:
            name: the workflow's name.
            nodes: the nodes, each with `.named(...)` or `.options(...)` where needed.
            inputs: annotations of inputs by name, `{"depth": int}`, or annotation and default, `{"depth": (int, 3)}`.
            returns: a node, or a list, tuple or dict of nodes; unless given, the result of the last node, or
                `{node_id: result}` if there are several that no other takes.
            on_failure: a function or node that runs when an execution fails.

        >>> report = workflow.of("report", fetch, parse, score)

        """
        location = locations.caller()
        if not (isinstance(name, str) and is_name(name)):
            message = f"{name!r} cannot be the name of a workflow; a name has {NAME_RULE}."
            raise DefinitionError(f"Workflow {name!r}", [Fault("bad-name", message, str(location))])
        assembly.require_nodes(name, nodes, location)

        def trace() -> Draft:
            return assembly.Assembly(name, nodes, inputs or {}, location).wire(returns)

        made: Workflow[..., Any] = Workflow(name, _hearing(trace, on_failure), location=location)
        frame = locations.caller_frame()
        made.__module__ = "" if frame is None else frame.f_globals.get("__name__", "")
        return _registered(made)


def _rule(limit: int | str | Limit | None) -> LimitRule | None:
    found = limit_of(limit)
    return None if found is None else found.rule()


def _hearing(trace: Callable[[], Draft], on_failure: Callable[..., Any] | None) -> Callable[[], Draft]:
    """Return a trace whose draft has the step that hears of a failure."""
    if on_failure is None:
        return trace
    handler = as_step(on_failure)

    def traced() -> Draft:
        draft, heard_by = trace(), handler.as_type()
        draft.on_failure = Call(
            heard_by.name + ON_FAILURE, heard_by.name, heard_by, options=heard_by.options, location=draft.location
        )
        return draft

    return traced


def _registered(made: Workflow[Any, Any]) -> Workflow[Any, Any]:
    trace = ACTIVE.get()
    if trace is not None:
        trace.fault("workflow-in-body", f"workflow {made.name!r} is made inside a workflow's body. Define it outside.")
    else:
        registry.default.add_workflow(made)
    return made


workflow = _WorkflowDecorator()
