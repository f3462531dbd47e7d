"""`Limit`: how many nodes of a type, or executions of a workflow, may run at once or start in a period."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from spane.authoring import locations
from spane.authoring.keywords import with_options
from spane.errors import DefinitionError, Fault
from spane.model.paths import shorten
from spane.model.rules import LimitRule

_UNITS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_RATE = re.compile(r"(-?\d+) ?/ ?([a-z]+)(?: burst (-?\d+))?")
_KEY = re.compile(r"\w+(\.\w+)*")
#: Starts of the last period are remembered one by one.
_MOST = 100_000
_WRITTEN = "'20/second', '5/minute', '100/hour' or '20/second burst 40'"
MEANT_OF_LIMIT = {
    **dict.fromkeys(("max_concurrency", "slots", "max", "limit", "at_once"), "concurrency"),
    **dict.fromkeys(("throughput", "per_second", "rate_limit"), "rate"),
    **dict.fromkeys(("by", "per", "group", "partition"), "key"),
}


@with_options("Limit", MEANT_OF_LIMIT)
@dataclass(frozen=True, kw_only=True)
class Limit:
    """How many may run at once (`concurrency`) and how many may start in a period (`rate`), counted over all workers.

    `@node(limit=10)` is short for `Limit(concurrency=10)`, and `@node(limit="20/second")` for `Limit(rate="20/second")`.
    A rate is never exceeded in any second, minute, hour or day, wherever it begins. With `burst` it is so on average: up to
    so many start at once after a quiet time. With `key`, the name of a parameter or of a part of one, everything holds for
    each of its values: one order per customer at a time, whatever other customers do.

    >>> Limit(concurrency=1, key="order.customer_id").rule().key
    'order.customer_id'
    """

    concurrency: int | None = None
    rate: str | None = None
    burst: int | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            where = str(locations.caller())
            raise DefinitionError("Limit", [Fault("bad-limit", problem, where) for problem in problems])

    def _problems(self) -> list[str]:
        problems = []
        if self.concurrency is None and self.rate is None:
            problems.append(f"it limits nothing: give concurrency, such as 10, or rate, such as {_WRITTEN}.")
        if self.concurrency is not None and (fault := _count("concurrency", self.concurrency)):
            problems.append(fault)
        if self.rate is not None:
            problems += _rate_problems(self.rate, self.burst)
        elif self.burst is not None:
            problems.append(f"burst={shorten(self.burst)}: a burst goes with a rate, such as {_WRITTEN}.")
        if self.key is not None and not (isinstance(self.key, str) and _KEY.fullmatch(self.key)):
            problems.append(
                f"key={shorten(self.key)}: give the name of a parameter, 'customer_id', or of a part of one, 'order.customer_id'."
            )
        return problems

    def rule(self) -> LimitRule:
        """Return this as the plan keeps it."""
        found = _RATE.fullmatch(self.rate) if self.rate is not None else None
        if found is None:
            return LimitRule(concurrency=self.concurrency, key=self.key)
        burst = self.burst if found[3] is None else int(found[3])
        return LimitRule(self.concurrency, int(found[1]), _UNITS[found[2]], burst, self.key)


def limit_of(given: Any) -> Limit | None:
    """Return a limit as users write it: a number at once, a rate, or a `Limit`; None is no limit."""
    if given is None or isinstance(given, Limit):
        return given
    if isinstance(given, str):
        return Limit(rate=given)
    if isinstance(given, int) and not isinstance(given, bool):
        return Limit(concurrency=given)
    problem = (
        f"limit is {shorten(given)}; give a number at once, such as 10, a rate, such as {_WRITTEN}, or a Limit(...)."
    )
    raise DefinitionError("Limit", [Fault("bad-limit", problem, str(locations.caller()))])


def _count(name: str, value: object) -> str | None:
    if type(value) is int and 1 <= value <= _MOST:
        return None
    return f"{name}={shorten(value)}: give a whole number from 1 to {_MOST:,}; to stop everything, pause instead."


def _rate_problems(rate: object, burst: object) -> list[str]:
    found = _RATE.fullmatch(rate) if isinstance(rate, str) else None
    if found is None:
        return [f"rate={shorten(rate)} is not understood; give {_WRITTEN}."]
    problems = []
    if found[2] not in _UNITS:
        units = ", ".join(_UNITS)
        problems.append(f"rate={rate!r}: {found[2]!r} is no unit that is known; units are {units}.")
    if fault := _count("rate", int(found[1])):
        problems.append(fault)
    if found[3] is not None and burst is not None:
        problems.append(f"burst={shorten(burst)}: the rate {rate!r} has a burst already; give one of them.")
    given = burst if found[3] is None else int(found[3])
    if given is not None and (fault := _count("burst", given)):
        problems.append(fault)
    return problems
