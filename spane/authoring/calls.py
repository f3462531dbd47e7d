"""Plain calls: outside a body a node is just its function, with context and resources filled in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from spane.authoring import context, resources
from spane.authoring.context import CURRENT, Context
from spane.authoring.definition import Definition
from spane.authoring.references import Reference, misused
from spane.authoring.resources import Resources
from spane.model.node_type import MISSING, Parameter, ParameterKind


def supplied(parameters: Iterable[Parameter], attempt: Context, made: Resources) -> dict[str, Any]:
    """Return what the engine fills in by itself, by parameter name: the context and resources."""
    found: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind is ParameterKind.CONTEXT:
            found[parameter.name] = attempt
        elif parameter.kind is ParameterKind.RESOURCE:
            found[parameter.name] = made.get(parameter.default.factory)
    return found


def plain(definition: Definition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a node as its function, with context and resources filled in where they were left out.

    An async node runs to its end and gives its value where no event loop runs; inside one it gives its
    coroutine, to be awaited.
    """
    for value in (*args, *kwargs.values()):
        if isinstance(value, Reference):
            misused(value, f"is passed to {definition.name!r} outside its body", "Call nodes in the body itself.")
    attempt = context.local(definition.name)
    args, kwargs = _filled(definition, args, kwargs, attempt)
    if not definition.is_async:
        return _inside(attempt, definition.fn, args, kwargs)
    coroutine: Any = _awaited(attempt, definition.fn, args, kwargs)
    # Python names it when nobody awaits it.
    coroutine.__name__ = coroutine.__qualname__ = definition.name
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return coroutine


def _filled(
    definition: Definition, args: tuple[Any, ...], kwargs: dict[str, Any], attempt: Context
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    special = [p for p in definition.signature.parameters if p.kind in (ParameterKind.CONTEXT, ParameterKind.RESOURCE)]
    if not special:
        return args, kwargs
    placed = _with_context(definition, list(args), kwargs, attempt)
    taken = {*list(definition.signature.inspected.parameters)[: len(placed)], *kwargs}
    missing = [p for p in special if p.name not in taken]
    return tuple(placed), {**kwargs, **supplied(missing, attempt, resources.process)}


def _with_context(definition: Definition, args: list[Any], kwargs: dict[str, Any], attempt: Context) -> list[Any]:
    """Put the context in its place among positional arguments, where its parameter has no default."""
    for index, parameter in enumerate(definition.signature.parameters):
        found = definition.signature.inspected.parameters[parameter.name]
        by_place = found.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        wanted = parameter.kind is ParameterKind.CONTEXT and parameter.default is MISSING and by_place
        given = parameter.name in kwargs or (index < len(args) and isinstance(args[index], Context))
        if wanted and not given and index <= len(args):
            args.insert(index, attempt)
    return args


def _inside(attempt: Context, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = CURRENT.set(attempt)
    try:
        return fn(*args, **kwargs)
    finally:
        CURRENT.reset(token)


async def _awaited(attempt: Context, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = CURRENT.set(attempt)
    try:
        return await fn(*args, **kwargs)
    finally:
        CURRENT.reset(token)
