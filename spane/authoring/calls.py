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
    coroutine = _awaited(attempt, definition.fn, args, kwargs)
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
    placed = list(args)
    for index, found in enumerate(definition.signature.inspected.parameters.values()):
        parameter = definition.signature.parameter(found.name)
        takes_place = found.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        if parameter in special and parameter.default is MISSING and takes_place and found.name not in kwargs:
            if index <= len(placed) and not (index < len(placed) and isinstance(placed[index], Context)):
                placed.insert(index, attempt)
    taken = set(list(definition.signature.inspected.parameters)[: len(placed)]) | set(kwargs)
    missing = [p for p in special if p.name not in taken]
    return tuple(placed), {**kwargs, **supplied(missing, attempt, resources.process)}


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
