"""`Breaker`: when to stop calling something that keeps failing, as users write it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from spane.authoring import locations
from spane.authoring.keywords import with_options
from spane.authoring.retry import ExceptionClasses, is_number
from spane.errors import DefinitionError, Fault
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import GuardCode
from spane.model.outcome import class_name
from spane.model.rules import BreakerRule, WhenOpen

_MEANT = {
    **dict.fromkeys(("fail_max", "threshold", "failures", "max_failures"), "failure_threshold"),
    **dict.fromkeys(("successes",), "success_threshold"),
    **dict.fromkeys(("reset_timeout", "recovery_timeout", "timeout"), "timeout_s"),
    **dict.fromkeys(("monitoring_period", "window", "period_s"), "window_s"),
    **dict.fromkeys(("expected_exception", "exceptions"), "counts"),
}


@with_options("Breaker", _MEANT)
@dataclass(frozen=True, kw_only=True)
class Breaker:
    """A circuit breaker, shared by all workers: it stops calls of something that keeps failing, and tries it out later.

    `failure_threshold` failures within `window_s` open it. After `timeout_s` it half-opens: one attempt at a time is let
    through, and `success_threshold` of those that succeed close it, one that fails opens it again. While it is open an
    attempt fails at once with `BreakerOpen` (`when_open="fail"`), or its node waits without a worker and without
    spending a try (`"wait"`), or `fallback` gives the value instead: a function that takes arguments of the node by name.

    Nodes that give the same `name` share one; without a name, all nodes of a type do. With `key`, a parameter's name or
    a function that takes arguments of the node by name, each value of the key has one of its own, such as each host.
    `counts` are the exceptions that count as failures.

    >>> Breaker(failure_threshold=3, timeout_s=30, key="host").rule().timeout_ms
    30000
    """

    name: str | None = None
    failure_threshold: int = 5
    success_threshold: int = 2
    timeout_s: float = 60.0
    window_s: float = 120.0
    when_open: Literal["fail", "wait"] = "fail"
    key: str | Callable[..., Any] | None = None
    counts: ExceptionClasses = Exception
    fallback: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            where = str(locations.caller())
            raise DefinitionError("Breaker", [Fault("bad-breaker", problem, where) for problem in problems])

    def rule(self) -> BreakerRule:
        """Return this as the plan keeps it."""
        return BreakerRule(
            name=self.name or "",
            failures=self.failure_threshold,
            successes=self.success_threshold,
            timeout_ms=round(self.timeout_s * 1000),
            window_ms=round(self.window_s * 1000),
            when_open=self.when_open,
            keyed=self.key is not None,
            counts=tuple(class_name(cls) for cls in _listed(self.counts)),
        )

    def code(self) -> GuardCode:
        """Return what the plan cannot keep: the functions, and which arguments of the node they take."""
        if isinstance(self.key, str):
            return GuardCode(_same, (self.key,), self.fallback, names_of(self.fallback))
        return GuardCode(self.key, names_of(self.key), self.fallback, names_of(self.fallback))

    def misfits(self, known: Collection[str], *, is_async: bool) -> Iterator[str]:
        """Yield what keeps its functions from serving a node with parameters of these names."""
        code = self.code()
        if code.key is not None:
            unknown = [name for name in code.key_names if name not in known]
            if unknown:
                yield f"the key of its breaker takes {', '.join(unknown)}, which it has no parameter for."
        unknown = [name for name in code.fallback_names if name not in known]
        if unknown:
            yield f"the fallback of its breaker takes {', '.join(unknown)}, which it has no parameter for."
        if self.fallback is not None and inspect.iscoroutinefunction(self.fallback) != is_async:
            wanted = "an async function, as the node is" if is_async else "a plain function, as the node is"
            yield f"the fallback of its breaker is to be {wanted}."

    def _problems(self) -> Iterator[str]:
        if self.name is not None and not (isinstance(self.name, str) and is_name(self.name)):
            yield f"name={self.name!r}: a name has {NAME_RULE}."
        for name in ("failure_threshold", "success_threshold"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                yield f"{name}={value!r}: give a whole number of 1 or more."
        for name in ("timeout_s", "window_s"):
            value = getattr(self, name)
            if not is_number(value) or value < 0.001:
                yield f"{name}={value!r}: give seconds from 0.001 up."
        if self.when_open not in get_args(WhenOpen):
            yield f"when_open={self.when_open!r}: give 'fail' or 'wait'."
        if self.when_open == "wait" and self.fallback is not None:
            yield "when_open='wait' and a fallback: a node either waits, or takes the fallback's value. Give one of them."
        if self.key is not None and not isinstance(self.key, str) and not callable(self.key):
            yield f"key={self.key!r}: give the name of a parameter, or a function of the node's arguments."
        if self.fallback is not None and not callable(self.fallback):
            yield f"fallback={self.fallback!r}: give a function of the node's arguments."
        for wrong in _listed(self.counts):
            if not (inspect.isclass(wrong) and issubclass(wrong, BaseException)):
                yield f"counts={self.counts!r}: give an exception class or a tuple of them, not {wrong!r}."


def names_of(fn: Callable[..., Any] | None) -> tuple[str, ...]:
    """Return the names of the arguments that a function takes."""
    return () if fn is None else tuple(inspect.signature(fn).parameters)


def _same(**values: Any) -> Any:
    [value] = values.values()
    return value


def _listed(classes: Any) -> tuple[Any, ...]:
    return tuple(classes) if isinstance(classes, (tuple, list, set, frozenset)) else (classes,)
