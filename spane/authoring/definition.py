"""What a node is made of: a function or callable class, checked when decorated, its signature read when needed."""

from __future__ import annotations

import functools
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, get_args, get_origin

from spane.authoring import locations, signatures
from spane.authoring.breaker import Breaker
from spane.authoring.sources import Written
from spane.errors import DefinitionError, Fault
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import MISSING, Location, NodeOptions, NodeType
from spane.model.route import Route


class Definition:
    """A function or class that is a node, under its type name.

    `name` is the function's own name, or the class's in the spelling of functions (`FetchPage` is
    `fetch_page`): bodies and `workflow.of` know its calls by it. `type_name` is the name in plans and definitions.
    """

    def __init__(self, target: Any, type_name: str | None, was: tuple[str, ...], frame: FrameType | None) -> None:
        faults = [Fault("bad-node", problem, str(where_of(target))) for problem in _problems(target)]
        own: str = getattr(target, "__name__", type(target).__name__)
        self.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", own).lower() if inspect.isclass(target) else own
        self.type_name = own if type_name is None else type_name
        faults += [
            Fault(
                "bad-name",
                f"{name!r} cannot be the name of a node type; a name has {NAME_RULE}.",
                str(where_of(target)),
            )
            for name in (self.type_name, *was)
            if not faults and not (isinstance(name, str) and is_name(name))
        ]
        if faults:
            raise DefinitionError(f"Node {self.name!r}", faults)
        self.target = target
        self.was = was
        self.location = where_of(target)
        self.is_class = inspect.isclass(target)
        self.called: Callable[..., Any] = target.__call__ if self.is_class else target
        self.is_async = inspect.iscoroutinefunction(self.called)
        self.fn: Callable[..., Any] = _instance_call(target, self.is_async) if self.is_class else target
        self.options = NodeOptions()
        #: Gives the node type that takes back what it did; asked late, because hints resolve late.
        self.undo: Callable[[], NodeType] | None = None
        self.breaker: Breaker | None = None
        # Only local names can be missing from the module, and a frame keeps all its locals alive.
        self._frame = frame if "<locals>" in target.__qualname__ else None

    @functools.cached_property
    def signature(self) -> signatures.Signature:
        """The signature; annotations that cannot be resolved are among its problems."""
        read = signatures.read(self.called, self._frame, method=self.is_class)
        if not read.problems:
            self._frame = None
        return read

    @functools.cached_property
    def node_type(self) -> NodeType:
        """The node type, even if an annotation of it names nothing."""
        returns = self.signature.returns
        routes = returns is Route or get_origin(returns) is Route
        if routes:
            returns = next(iter(get_args(returns)), MISSING)
        return NodeType(
            name=self.type_name,
            fn=self.fn,
            parameters=self.signature.parameters,
            returns=returns,
            is_async=self.is_async,
            options=self.options,
            location=self.location,
            module=self.target.__module__,
            qualname=self.target.__qualname__,
            was=self.was,
            routes=routes,
            undo=None if self.undo is None else self.undo(),
            guard=None if self.breaker is None else self.breaker.code(),
        )

    def require_sound(self) -> None:
        """Raise DefinitionError if an annotation names nothing."""
        if self.signature.problems:
            faults = [Fault("bad-annotation", problem, str(self.location)) for problem in self.signature.problems]
            raise DefinitionError(f"Node {self.name!r}", faults)

    def guard_by(self, breaker: Breaker | None) -> None:
        """Put a breaker before the node; DefinitionError if its functions do not take arguments of this one."""
        names = [] if breaker is None else list(signatures.inspect_signature(self.called).parameters)
        problems = () if breaker is None else breaker.misfits(names, is_async=self.is_async)
        if faults := [Fault("bad-breaker", problem, str(self.location)) for problem in problems]:
            raise DefinitionError(f"Node {self.name!r}", faults)
        self.breaker = breaker


def where_of(target: Any) -> Location:
    """Return where a function or class stands in the source; the user's running line if it cannot be told."""
    if inspect.isclass(target):
        target = vars(target).get("__call__", target)
    found = locations.of_function(target) if callable(target) else None
    return found if found is not None and found.line else locations.caller()


def _problems(target: Any) -> Iterator[str]:
    """Yield what keeps something from being a node."""
    if isinstance(target, Written):
        yield f"it is a {target.noun} already; decorate the plain function."
    elif inspect.isclass(target):
        yield from _class_problems(target)
    elif inspect.ismethod(target):
        yield (
            f"{target.__qualname__} is a bound method, and a worker has no such object. Decorate a function, or a class "
            "with __call__, which each worker makes once."
        )
    elif isinstance(target, str):
        yield f"the text {target!r} stands where the function goes. A type name is given by name: @node(name={target!r})."
    elif not inspect.isfunction(target):
        yield (
            f"{target!r} is no Python function: a worker finds a node by its module and name. Decorate a function "
            "(def or async def) or a class with __call__."
        )
    elif target.__name__ == "<lambda>":
        yield "a lambda has no name by which a worker could find it. Write a def."
    elif _is_method(target):
        yield f"{target.__qualname__} is a method, and a worker has no `self` for it. Decorate a function outside the class."
    else:
        yield from _kind_problems(target)


def _class_problems(target: type) -> Iterator[str]:
    call = inspect.getattr_static(target, "__call__", None)
    if not inspect.isfunction(call):
        yield f"class {target.__qualname__} has no __call__ method, so there is nothing to run. Give it one."
        return
    try:
        inspect.signature(target).bind()
    except TypeError as error:
        yield (
            f"class {target.__qualname__} cannot be made without arguments ({error}), and each worker makes it once. Give "
            "them defaults, or inject what it needs into __call__ with use(...)."
        )
    yield from _kind_problems(call)


def _kind_problems(fn: Callable[..., Any]) -> Iterator[str]:
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        yield (
            f"{fn.__qualname__} is a generator, and a node has one result. Return a list, or split it into nodes that each "
            "return a part."
        )


def _is_method(fn: Callable[..., Any]) -> bool:
    holder = fn.__qualname__.rpartition(".")[0]
    parameters = list(signatures.inspect_signature(fn).parameters)
    return bool(holder) and not holder.endswith("<locals>") and parameters[:1] in (["self"], ["cls"])


def _instance_call(cls: type, is_async: bool) -> Callable[..., Any]:
    """Return a function that calls the class's one instance of this process, made at the first call."""
    made: list[Any] = []
    lock = threading.Lock()

    def instance() -> Any:
        if not made:
            with lock:
                if not made:
                    made.append(cls())
        return made[0]

    call: Callable[..., Any]
    if is_async:

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await instance()(*args, **kwargs)

    else:

        def call(*args: Any, **kwargs: Any) -> Any:
            return instance()(*args, **kwargs)

    call.__name__, call.__qualname__, call.__module__ = cls.__name__, cls.__qualname__, cls.__module__
    return call
