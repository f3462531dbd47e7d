"""What a node type is: a function, what its signature says, and the rules it runs by."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from spane.model.rules import BreakerRule, LimitRule, OnFailure, RetryPolicy

#: Stands for "no default" and "no annotation".
MISSING: Any = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Location:
    """Where something stands in the user's source."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class ParameterKind(StrEnum):
    """How a parameter gets its value."""

    DATA = "data"
    VARIADIC = "variadic"
    KEYWORDS = "keywords"
    CONTEXT = "context"
    PARENTS = "parents"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a node or workflow: its resolved annotation (MISSING without one) and default."""

    name: str
    annotation: Any = MISSING
    default: Any = MISSING
    kind: ParameterKind = ParameterKind.DATA
    positional_only: bool = False

    @property
    def required(self) -> bool:
        """Whether a value must be bound."""
        return self.kind is ParameterKind.DATA and self.default is MISSING


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """The rules a node runs by. Times are in the unit of their name; `priority` None takes the execution's."""

    retry: RetryPolicy = RetryPolicy()
    timeout_s: float | None = None
    queue: str = "default"
    priority: int | None = None
    delay_s: float = 0.0
    on_failure: OnFailure = "fail"
    version: str = ""
    limit: LimitRule | None = None
    breaker: BreakerRule | None = None

    def changed(self, **changes: Any) -> NodeOptions:
        """Return these options with `changes` applied."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class GuardCode:
    """The functions of a node's breaker, each with the names of the node's arguments that it takes.

    `key` gives the key under which the breaker stands, None without one; `fallback` the node's value while it is open.
    """

    key: Callable[..., Any] | None = None
    key_names: tuple[str, ...] = ()
    fallback: Callable[..., Any] | None = None
    fallback_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class NodeType:
    """A registered function or callable class under its type name.

    `fn` is what a worker calls (an instance's `__call__` for classes); `parameters` are in signature order;
    `returns` is the resolved return annotation (an async function's awaited value), MISSING without one.
    `was` are earlier names under which plans may still know it; `routes` says that it may choose its children, `waits` that
    it may return `Awaits` (and then runs again, with what came in `Context.came`). `undo` takes back what it did, and
    `guard` are the functions of its breaker.
    """

    name: str
    fn: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    returns: Any = MISSING
    is_async: bool = False
    options: NodeOptions = field(default_factory=NodeOptions)
    location: Location = Location("<unknown>", 0)
    module: str = ""
    qualname: str = ""
    was: tuple[str, ...] = ()
    routes: bool = False
    waits: bool = False
    undo: NodeType | None = None
    guard: GuardCode | None = None

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of that name, or None."""
        return next((p for p in self.parameters if p.name == name), None)

    @property
    def variadic(self) -> Parameter | None:
        """The `*args` parameter, if there is one."""
        return next((p for p in self.parameters if p.kind is ParameterKind.VARIADIC), None)

    @property
    def keywords(self) -> Parameter | None:
        """The `**kwargs` parameter, if there is one."""
        return next((p for p in self.parameters if p.kind is ParameterKind.KEYWORDS), None)
