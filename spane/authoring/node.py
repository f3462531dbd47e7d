"""`@node`: a function becomes the unit that runs, retries and times out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Protocol, Self, TypeVar, cast, overload

from spane.authoring import calls, locations, mapping, options, registry
from spane.authoring.breaker import Breaker
from spane.authoring.definition import Definition
from spane.authoring.keywords import MEANT_OF_NODE, options_of
from spane.authoring.limits import Limit, limit_of
from spane.authoring.mapping import Mapped
from spane.authoring.options import UNSET
from spane.authoring.references import Reference
from spane.authoring.retry import Retry
from spane.authoring.sources import Written, listed
from spane.authoring.tracing import ACTIVE, Placed
from spane.errors import DefinitionError, Fault
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import NodeType
from spane.model.outcome import NodeError
from spane.model.rules import OnFailure, OnItemFailure

P = ParamSpec("P")
R = TypeVar("R")
Q = ParamSpec("Q")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Node(Written, Generic[P, R]):
    """A function that workflows call. In a body a call gives a reference; anywhere else it is just the function."""

    noun = "node"

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._options = definition.options
        self._id: str | None = None
        self._after: tuple[Any, ...] = ()
        functools.update_wrapper(self, definition.target, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function; in a body, write the call down and return a reference."""
        trace = ACTIVE.get()
        if trace is None:
            return cast("R", calls.plain(self._definition, args, kwargs))
        return cast("R", trace.call(self.placed(), args, kwargs))

    def __repr__(self) -> str:
        called = f" named {self._id!r}" if self._id else ""
        return f"<node {self._definition.type_name!r}{called} at {self._definition.location}>"

    @property
    def node_type(self) -> NodeType:
        """The node type; DefinitionError if an annotation cannot be resolved."""
        self._definition.require_sound()
        return self._definition.node_type

    @property
    def __signature__(self) -> inspect.Signature:
        return self._definition.signature.inspected

    def named(self, node_id: str, /) -> Self:
        """Return this node with an id of its own for one call: `pack.named("pack_eu")(order)`."""
        if not (isinstance(node_id, str) and is_name(node_id)):
            fault = Fault(
                "bad-name", f"{node_id!r} cannot be a node's id; an id has {NAME_RULE}.", str(locations.caller())
            )
            raise DefinitionError(f"Node {self._definition.name!r}", [fault])
        return self._with(_id=node_id)

    @options_of("node.options", MEANT_OF_NODE)
    def options(
        self,
        *,
        after: Any = UNSET,
        retry: Retry = UNSET,
        timeout_s: float | None = UNSET,
        queue: str = UNSET,
        priority: int | None = UNSET,
        delay_s: float = UNSET,
        on_failure: OnFailure = UNSET,
    ) -> Self:
        """Return this node with other rules for one call: `charge.options(timeout_s=5)(order)`.

        `after` is a reference, or several in a list: the call then also waits for those nodes, without taking
        their results.
        """
        rules = options.changed(
            self._options,
            self._definition.name,
            retry=retry,
            timeout_s=timeout_s,
            queue=queue,
            priority=priority,
            delay_s=delay_s,
            on_failure=on_failure,
        )
        return self._with(_options=rules, _after=self._after if after is UNSET else listed(after))

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
        """Run this node once for each item of a list, and give the list of what they return, in the same order.

        The list may be known only at run time. Each item is given as the node's first argument; the other arguments are
        the same for all. An item that raises `Skip` is left out.

        Args:
            over: the list: a reference, an input or a list with references.
            rest: further arguments by position, the same for every item.
            max_in_flight: how many items may be queued or running at a time; 1,000 unless given.
            on_item_failure: what happens when an item has used up its attempts: `"fail"` fails the execution with it,
                `"collect"` puts its `NodeError` in its place, `"skip"` leaves it out.
            other: further arguments by name, the same for every item.

        >>> @workflow
        ... def ship(order_id: int) -> list[Parcel]:
        ...     order = load_order(order_id)
        ...     return pack.map(order.items, order.address, max_in_flight=10)

        """
        mapped = Mapped(max_in_flight, on_item_failure)
        trace = ACTIVE.get()
        if trace is None:
            return self._map_plainly(over, mapped, rest, other)
        return trace.call(replace(self.placed(), mapped=mapped), (over, *rest), other)

    def _map_plainly(self, over: Any, mapped: Mapped, rest: tuple[Any, ...], other: dict[str, Any]) -> list[Any]:
        problems = [Fault("bad-option", problem, str(locations.caller())) for problem in mapped.problems()]
        if problems:
            raise DefinitionError(f"Map of node {self._definition.name!r}", problems)
        if isinstance(over, Reference):
            calls.plain(self._definition, (over,), {})
        return mapping.plain(
            self._definition.name, lambda item: calls.plain(self._definition, (item, *rest), other), over, mapped
        )

    def _with(self, **changes: Any) -> Self:
        changed = type(self)(self._definition)
        changed.__dict__.update({"_options": self._options, "_id": self._id, "_after": self._after, **changes})
        return changed

    def same_function(self, other: Node[..., Any]) -> bool:
        """Tell whether both are the same decorated function, whatever their ids and options."""
        return self._definition is other._definition

    def as_type(self) -> NodeType:
        """Return the node type with the options of this node."""
        return replace(self.node_type, options=self._options)

    def placed(self) -> Placed:
        """Return what a body or `workflow.of` writes down of this node."""
        definition = self._definition
        return Placed(
            definition.node_type,
            definition.signature,
            definition.name,
            self._id,
            self._options,
            self._after,
        )


class AsyncNode(Node[P, R]):
    """A node made of an async function. A call is typed as what awaiting it gives, which bodies pass on.

    A plain call gives that value too where no event loop runs; inside one it gives the coroutine, and `fn` is
    the function itself, typed as such.
    """

    @property
    def fn(self) -> Callable[P, Coroutine[Any, Any, R]]:
        """The async function itself."""
        return self._definition.fn


class _CallableClass(Protocol[P, R_co]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class _AsyncCallableClass(Protocol[P, R_co]):
    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class _Decorator(Protocol):
    """What `node(...)` with options gives: it decorates functions, async functions and callable classes."""

    @overload
    def __call__(self, fn: type[_AsyncCallableClass[P, R]], /) -> AsyncNode[P, R]: ...
    @overload
    def __call__(self, fn: type[_CallableClass[P, R]], /) -> Node[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncNode[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Node[P, R]: ...


@overload
def node(fn: type[_AsyncCallableClass[P, R]], /) -> AsyncNode[P, R]: ...
@overload
def node(fn: type[_CallableClass[P, R]], /) -> Node[P, R]: ...
@overload
def node(fn: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncNode[P, R]: ...
@overload
def node(fn: Callable[P, R], /) -> Node[P, R]: ...
@overload
def node(
    *,
    name: str | None = None,
    retry: Retry = ...,
    timeout_s: float | None = None,
    queue: str = "default",
    priority: int | None = None,
    delay_s: float = 0.0,
    on_failure: OnFailure = "fail",
    limit: int | str | Limit | None = None,
    undo: Callable[..., Any] | None = None,
    breaker: Breaker | None = None,
    version: str = "",
    was: str | Sequence[str] = (),
) -> _Decorator: ...
@options_of("@node", MEANT_OF_NODE)
def node(
    fn: Any = None,
    /,
    *,
    name: str | None = None,
    retry: Retry = UNSET,
    timeout_s: float | None = None,
    queue: str = "default",
    priority: int | None = None,
    delay_s: float = 0.0,
    on_failure: OnFailure = "fail",
    limit: int | str | Limit | None = None,
    undo: Callable[..., Any] | None = None,
    breaker: Breaker | None = None,
    version: str = "",
    was: str | Sequence[str] = (),
) -> Any:
    """Make a node of a function, an async function or a class with `__call__`.

    Args:
        fn: the function; a class is made without arguments, once per process, at its first call.
        name: the type name in plans and JSON definitions; the function's own name unless given.
        retry: how often and when it is tried again; 3 attempts with waits of 1 s and 2 s unless given.
        timeout_s: seconds one attempt may take; None is without end.
        queue: the queue whose workers run it.
        priority: 1 (last) to 10 (first); None takes the execution's.
        delay_s: seconds to wait before it starts, once its parents are done.
        limit: how many of its type run at once over all workers, 10, or start in a period, "20/second" or
            "20/second burst 40"; a `Limit` says both, or by a key. What is over it waits without a worker.
        on_failure: what happens when its attempts are used up: `"fail"` fails the execution, `"continue"` lets its
            children go on without it, and `"skip"` counts it as skipped for them.
        undo: a function or node that takes back what it did, when the execution fails or is cancelled after it
            succeeded. It takes parameters of this node by their names, and this node's result as `output`.
        breaker: stops calling it for a while when it keeps failing, over all workers (see `Breaker`).
        version: pins the code; a plan made with another version waits for a worker that has it.
        was: names it had before, under which older plans still find it.

    Raises:
        DefinitionError: it cannot be a node, an option is out of range, or its name is taken.

    >>> @node(retry=Retry(attempts=5), timeout_s=10)
    ... def fetch(url: str) -> bytes: ...

    """

    def decorate(target: Any) -> Node[Any, Any]:
        trace = ACTIVE.get()
        definition = Definition(target, name, (was,) if isinstance(was, str) else tuple(was), locations.caller_frame())
        definition.options = options.changed(
            definition.options,
            definition.name,
            retry=retry,
            timeout_s=timeout_s,
            queue=queue,
            priority=priority,
            delay_s=delay_s,
            on_failure=on_failure,
            limit=limit_of(limit),
            breaker=breaker,
            version=version,
        )
        if undo is not None:
            definition.undo = as_step(undo).as_type
        definition.guard_by(breaker)
        made: Node[Any, Any] = (AsyncNode if definition.is_async else Node)(definition)
        if trace is not None:
            trace.fault(
                "node-in-body",
                f"node {definition.name!r} is made inside a workflow's body, where no worker could find it. Define it outside.",
            )
            return made
        registry.default.declare(
            definition.type_name,
            lambda: made.node_type,
            module=target.__module__,
            qualname=target.__qualname__,
            location=definition.location,
            was=definition.was,
        )
        return made

    return decorate if fn is None else decorate(fn)


def as_step(given: Callable[..., Any]) -> Node[..., Any]:
    """Return the node that follows a failure: the one given, or one made of a function."""
    return given if isinstance(given, Node) else cast("Node[..., Any]", node(given))
