"""Replace what a node does for the length of a test, without touching the registry or the plan."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from spane.authoring.node import Node
from spane.authoring.registry import Registry
from spane.errors import ResultNotSerialisable, Skip
from spane.model.node_type import NodeType, Parameter, ParameterKind
from spane.model.outcome import Awaits, Descends
from spane.model.route import Route
from spane.runtime.results import ResultType

_FILLED_IN = (ParameterKind.CONTEXT, ParameterKind.RESOURCE, ParameterKind.PARENTS)


class ReplacingRegistry(Registry):
    """What another registry knows, with some node types replaced. The other one is not changed."""

    def __init__(self, known: Registry, changed: Callable[[], None]) -> None:
        super().__init__()
        self._known = known
        self._changed = changed
        self._replaced: dict[str, list[Replacement]] = {}

    def get(self, name: str) -> NodeType | None:
        """Return the node type of that name, as its latest replacement has it."""
        node_type = self._known.get(name)
        stack = self._replaced.get(name if node_type is None else node_type.name)
        return stack[-1].node_type if stack else node_type

    def resolve(self, name: str) -> NodeType:
        """Return the node type of that name, or raise as the registry behind does."""
        return self.get(name) or self._known.resolve(name)

    def names(self) -> tuple[str, ...]:
        """Return the names of all node types."""
        return self._known.names()

    def add(self, node_type: NodeType) -> None:
        """Register a node type in the registry behind."""
        self._known.add(node_type)

    def add_workflow(self, workflow: Any) -> None:
        """Register a workflow in the registry behind."""
        self._known.add_workflow(workflow)

    def workflow(self, name: str) -> Any:
        """Return the workflow of that name, or None."""
        return self._known.workflow(name)

    def workflows(self) -> tuple[Any, ...]:
        """Return all workflows."""
        return self._known.workflows()

    def replace(self, node: Node[..., Any] | str, with_: Any) -> Replacement:
        """Replace a node type; see `Workbench.replace`."""
        node_type = self._known.resolve(node) if isinstance(node, str) else node.node_type
        replacement = Replacement(node_type, with_, self._end)
        self._replaced.setdefault(node_type.name, []).append(replacement)
        self._changed()
        return replacement

    def _end(self, replacement: Replacement) -> None:
        stack = self._replaced.get(replacement.node_type.name, [])
        if replacement in stack:
            stack.remove(replacement)
            self._changed()


class Replacement:
    """What stands for a node. As a context manager it ends with the `with`; otherwise with the test.

    `calls` holds the arguments of each call by name, as the node would have got them.
    """

    def __init__(self, original: NodeType, with_: Any, end: Callable[[Replacement], None]) -> None:
        self.calls: list[dict[str, Any]] = []
        self._end = end
        self._answer = _answer(original, with_)
        self.node_type = self._node_type(original)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(self)

    def __repr__(self) -> str:
        return f"<replacement of node {self.node_type.name!r}, called {len(self.calls)} times>"

    def _node_type(self, original: NodeType) -> NodeType:
        wanted = self._answer.wanted
        kept = tuple(p for p in original.parameters if p.kind not in _FILLED_IN or p.name in wanted)
        positional = [p for p in kept if p.positional_only]

        def named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
            return _named(positional, original, args, kwargs)

        if original.is_async or self._answer.is_async:

            async def fn(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                arguments = named(args, kwargs)
                self.calls.append(arguments)
                given = self._answer(arguments)
                return self._checked(await given if inspect.isawaitable(given) else given)

            return dataclasses.replace(original, fn=fn, parameters=kept, is_async=True)

        def plain(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            arguments = named(args, kwargs)
            self.calls.append(arguments)
            return self._checked(self._answer(arguments))

        return dataclasses.replace(original, fn=plain, parameters=kept)

    def _checked(self, value: Any) -> Any:
        """Return what the node would have returned; a value that does not fit its annotation is told as the replacement's."""
        if not isinstance(value, Skip | Route | Awaits | Descends):
            name = self.node_type.name
            try:
                ResultType(self.node_type.returns).dump_for(name, by=f"The replacement of node {name!r}")(value)
            except ResultNotSerialisable as error:
                raise ResultNotSerialisable(f"Its replacement gave it. {error}", **error.__dict__) from error.__cause__
        return value


def _named(
    positional: list[Parameter], original: NodeType, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return arguments by name; those of `*args` as a list under its name."""
    before = positional
    if original.variadic is not None:
        cut = original.parameters.index(original.variadic)
        before = [p for p in original.parameters[:cut] if p.kind is ParameterKind.DATA and p.name not in kwargs]
    found = dict(zip([p.name for p in before], args, strict=False))
    if original.variadic is not None:
        found[original.variadic.name] = list(args[len(before) :])
    return {**found, **kwargs}


class _Answer:
    """Gives what a replacement gives: a value, an exception, or what a function returns for the arguments it takes.

    `wanted` are the names of its own parameters: context and resources are made only for those who want them.
    """

    def __init__(self, give: Callable[[dict[str, Any]], Any], wanted: frozenset[str], *, is_async: bool) -> None:
        self._give = give
        self.wanted = wanted
        self.is_async = is_async

    def __call__(self, arguments: dict[str, Any]) -> Any:
        return self._give(arguments)


def _answer(original: NodeType, with_: Any) -> _Answer:
    if isinstance(with_, BaseException) or (inspect.isclass(with_) and issubclass(with_, BaseException)):

        def fail(_arguments: dict[str, Any]) -> Any:
            # Raised again at each attempt, so it must not gather the tracebacks of earlier ones.
            raise with_.with_traceback(None) if isinstance(with_, BaseException) else with_

        return _Answer(fail, frozenset(), is_async=False)
    if isinstance(with_, Node):
        return _calling(original, with_.node_type.fn)
    if callable(with_):
        return _calling(original, with_)
    return _Answer(lambda _arguments: with_, frozenset(), is_async=False)


def _calling(original: NodeType, fn: Callable[..., Any]) -> _Answer:
    parameters = inspect.signature(fn).parameters
    is_async = inspect.iscoroutinefunction(fn)
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = {p.name for p in original.parameters}
    strange = [
        p.name
        for p in parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in known
    ]
    if strange and original.keywords is None:
        takes = ", ".join(p.name for p in original.parameters) or "nothing"
        raise TypeError(
            f"The replacement of node {original.name!r} wants {', '.join(strange)}, which the node does not have; it "
            f"takes {takes}. Name the parameters like the node's, or leave out those that do not matter."
        )

    def call(arguments: dict[str, Any]) -> Any:
        args: list[Any] = []
        kwargs = {name: value for name, value in arguments.items() if takes_all or name in parameters}
        for name, parameter in parameters.items():
            if name in kwargs and parameter.kind is parameter.POSITIONAL_ONLY:
                args.append(kwargs.pop(name))
            elif name in kwargs and parameter.kind is parameter.VAR_POSITIONAL:
                args.extend(kwargs.pop(name))
        return fn(*args, **kwargs)

    return _Answer(call, frozenset(parameters), is_async=is_async)
