"""`Retry`: how often and when a node is tried again, as users write it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spane.authoring import locations
from spane.authoring.keywords import MEANT_OF_RETRY, with_options
from spane.errors import DefinitionError, Fault
from spane.model.outcome import class_name
from spane.model.rules import RetryPolicy

ExceptionClasses = type[BaseException] | Sequence[type[BaseException]]


@with_options("Retry", MEANT_OF_RETRY)
@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often and when a node is tried again.

    `attempts` counts the first try as well: `Retry(attempts=1)` never retries. The wait before try n+1 is
    `base_s` when `backoff="fixed"`, else `base_s * factor ** (n - 1)`, never more than `max_s`. `jitter`
    (0 to 1) takes off a random share of up to that size. Exceptions outside `retry_on`, and those in
    `give_up_on`, fail the node at once.

    >>> Retry(attempts=5, base_s=0.5, give_up_on=ValueError).policy().give_up_on
    ('builtins:ValueError',)
    """

    attempts: int = 3
    backoff: Literal["exponential", "fixed"] = "exponential"
    base_s: float = 1.0
    factor: float = 2.0
    max_s: float = 3600.0
    jitter: float = 0.0
    retry_on: ExceptionClasses = Exception
    give_up_on: ExceptionClasses = ()

    def __post_init__(self) -> None:
        problems = [*self._wrong_numbers(), *self._wrong_classes()]
        if problems:
            where = str(locations.caller())
            raise DefinitionError("Retry", [Fault("bad-retry", problem, where) for problem in problems])

    def policy(self) -> RetryPolicy:
        """Return this as the plan keeps it: exception classes by `module:qualname`."""
        return RetryPolicy(
            attempts=self.attempts,
            backoff=self.backoff,
            base_s=float(self.base_s),
            factor=float(self.factor),
            max_s=float(self.max_s),
            jitter=float(self.jitter),
            retry_on=tuple(class_name(cls) for cls in _listed(self.retry_on)),
            give_up_on=tuple(class_name(cls) for cls in _listed(self.give_up_on)),
        )

    def _wrong_numbers(self) -> list[str]:
        problems = []
        if type(self.attempts) is not int or self.attempts < 1:
            problems.append(
                f"attempts={self.attempts!r}: give a whole number of 1 or more; the first try counts, so 1 means no retry."
            )
        if self.backoff not in ("exponential", "fixed"):
            problems.append(f"backoff={self.backoff!r}: give 'exponential' or 'fixed'.")
        if not is_number(self.base_s) or self.base_s < 0:
            problems.append(f"base_s={self.base_s!r}: give the first wait in seconds, 0 or more.")
        if not is_number(self.factor) or self.factor < 1:
            problems.append(f"factor={self.factor!r}: give 1 or more; each wait is that many times the one before.")
        if not is_number(self.max_s) or self.max_s < 0:
            problems.append(f"max_s={self.max_s!r}: give the longest wait in seconds, 0 or more.")
        if not is_number(self.jitter) or not 0 <= self.jitter <= 1:
            problems.append(
                f"jitter={self.jitter!r}: give a share from 0 to 1; 0.2 takes off up to a fifth of the wait."
            )
        return problems

    def _wrong_classes(self) -> list[str]:
        return [
            f"{name}={given!r}: give an exception class or a tuple of them, not {wrong!r}."
            for name, given in (("retry_on", self.retry_on), ("give_up_on", self.give_up_on))
            for wrong in _listed(given)
            if not (inspect.isclass(wrong) and issubclass(wrong, BaseException))
        ]


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number and not a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _listed(classes: Any) -> tuple[Any, ...]:
    return tuple(classes) if isinstance(classes, (tuple, list, set, frozenset)) else (classes,)
