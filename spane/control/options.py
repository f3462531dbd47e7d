"""What can be said about a start besides its inputs, and what it may look like."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from spane.errors import InputError, ResultNotSerialisable
from spane.model import codec
from spane.model.draft import StartDefaults
from spane.model.paths import shorten, spell

_PRIORITY = 5
_MOST_PRIORITY = 10
_LONGEST_KEY = 500
_LONGEST_TENANT = 200
_LONGEST_TAG = 200
_LONGEST_REASON = 10_000
_LARGEST_METADATA = 65_536
#: A hundred years; far beyond it milliseconds are no whole numbers for Redis.
_LONGEST_DELAY_S = 100 * 366 * 86_400
_NOTHING_SAID = StartDefaults()


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What can be said about a start besides its inputs."""

    priority: int = _PRIORITY
    delay_s: float = 0.0
    at: datetime | None = None
    deadline_s: float | None = None
    key: str | None = None
    throttle_s: float | None = None
    debounce_s: float | None = None
    tenant: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any], defaults: StartDefaults = _NOTHING_SAID) -> StartOptions:
        """Return options given as keywords; a TypeError names one that does not exist.

        A priority, a delay or a key that is not given, or is None, is that of `defaults`, which the workflow's definition says.
        That delay stands back where the options say in another way when the execution begins.
        """
        known = [option.name for option in fields(cls)]
        unknown = [name for name in options if name not in known]
        if unknown:
            raise TypeError(f"start() has no option {', '.join(unknown)}; it has {', '.join(known)}.")
        timed = any(options.get(name) is not None for name in ("at", "debounce_s"))
        usual = {
            "priority": defaults.priority or _PRIORITY,
            "delay_s": 0.0 if timed else defaults.delay_s,
            "key": defaults.key,
        }
        given = {name: value for name, value in options.items() if not (name in usual and value is None)}
        return cls(**{**usual, **given})

    def check(self, workflow: str, *, keyed: bool = False) -> None:
        """Raise `InputError` naming everything that does not do; nothing is created then. With `keyed` the key comes later."""
        problems = [*self._numbers(), *self._periods(keyed=keyed), *self._texts(), *self._labels()]
        if problems:
            lines = "\n".join(f"  - {problem}" for problem in problems)
            raise InputError(
                f"Workflow {workflow!r} cannot be started so:\n{lines}", workflow=workflow, problems=tuple(problems)
            )

    def _numbers(self) -> list[str]:
        problems = []
        if type(self.priority) is not int or not 1 <= self.priority <= _MOST_PRIORITY:
            problems.append(f"priority is {shorten(self.priority)}; it goes from 1 (last) to 10 (first).")
        delay_s = self.delay_s
        if isinstance(delay_s, bool) or not isinstance(delay_s, int | float) or not 0 <= delay_s < math.inf:
            problems.append(f"delay_s is {shorten(delay_s)}; it is zero or more seconds.")
        elif delay_s > _LONGEST_DELAY_S:
            problems.append(
                f"delay_s is {shorten(delay_s)}; it is at most a hundred years, {_LONGEST_DELAY_S} seconds."
            )
        if self.at is not None and not (isinstance(self.at, datetime) and self.at.tzinfo is not None):
            problems.append(f"at is {shorten(self.at)}; it is a datetime with a time zone, as datetime.now(UTC) is.")
        elif self.at is not None and self.at.timestamp() > time.time() + _LONGEST_DELAY_S:
            problems.append(f"at is {self.at.isoformat()}; it is at most a hundred years from now.")
        elif self.at is not None and self.delay_s:
            problems.append("at and delay_s are both given; say one of the two.")
        if (problem := deadline_fault(self.deadline_s)) is not None:
            problems.append(problem)
        return problems

    def _periods(self, *, keyed: bool) -> list[str]:
        """Return what is wrong with throttle and debounce, each of which says what the key means."""
        problems = []
        given = {name: getattr(self, name) for name in ("throttle_s", "debounce_s") if getattr(self, name) is not None}
        for name, value in given.items():
            if (problem := _time_fault(name, value)) is not None:
                problems.append(problem)
            if self.key is None and not keyed:
                problems.append(f"{name} goes by a key; give key as well, such as key='customer-7'.")
        if len(given) > 1:
            problems.append("throttle_s and debounce_s are both given; say one of the two.")
        if self.debounce_s is not None and (self.delay_s or self.at is not None):
            problems.append("debounce_s says when it begins; leave out delay_s and at.")
        return problems

    def _texts(self) -> list[str]:
        given = (("key", self.key, _LONGEST_KEY), ("tenant", self.tenant, _LONGEST_TENANT))
        checked = (_fault(name, value, most, "|") for name, value, most in given if value is not None)
        return [problem for problem in checked if problem]

    def _labels(self) -> list[str]:
        """Return what is wrong with tags and metadata."""
        problems = []
        if isinstance(self.tags, str) or not isinstance(self.tags, Sequence):
            problems.append(f"tags is {shorten(self.tags)}; it is a list of texts.")
        else:
            faults = (_fault(f"tags[{at}]", tag, _LONGEST_TAG) for at, tag in enumerate(self.tags))
            problems += [problem for problem in faults if problem]
        if not isinstance(self.metadata, Mapping):
            problems.append(f"metadata is {shorten(self.metadata)}; it is a dict of plain values by name.")
            return problems
        try:
            size = len(codec.dump(dict(self.metadata))) if self.metadata else 0
        except ResultNotSerialisable as error:
            problems.append(f"{spell('metadata', error.path)}: it {error.reason}. Give plain JSON values.")
        else:
            if size > _LARGEST_METADATA:
                problems.append(
                    f"metadata has {size:,} bytes as JSON; it has at most {_LARGEST_METADATA:,}. What is larger is an input."
                )
        return problems

    def labels(self) -> bytes:
        """Return tags and metadata as they are stored, once they are checked."""
        if not (self.tags or self.metadata):
            return b"{}"
        return codec.dump({"tags": list(self.tags), **self.metadata})


def check_reason(reason: str, done: str) -> None:
    """Raise `InputError` for a reason that cannot be stored; `done` is what it was to be a reason for."""
    problem = _fault("reason", reason, _LONGEST_REASON, least=0)
    if problem:
        raise InputError(f"The execution cannot be {done} so: {problem}", workflow="", problems=(problem,))


def deadline_fault(deadline_s: object) -> str | None:
    """Return what is wrong with a deadline, or None; None stands for that of the workflow."""
    return None if deadline_s is None else _time_fault("deadline_s", deadline_s)


def _time_fault(name: str, value: object) -> str | None:
    """Return what is wrong with a time that is not nothing, or None."""
    if not isinstance(value, bool) and isinstance(value, int | float) and 0.001 <= value <= _LONGEST_DELAY_S:
        return None
    return f"{name} is {shorten(value)}; it is seconds from 0.001 up, at most a hundred years."


def is_storable(text: object) -> bool:
    """Tell whether `text` is text that UTF-8 can carry."""
    try:
        return isinstance(text, str) and text.encode() is not None
    except UnicodeEncodeError:
        return False


def _fault(name: str, value: object, most: int, forbidden: str = "", *, least: int = 1) -> str | None:
    """Return what is wrong with a text, or None."""
    if not isinstance(value, str):
        return f"{name} is {shorten(value)}; it is text."
    if not is_storable(value):
        return f"{name} is {shorten(value)}; it holds a lone surrogate, which UTF-8 cannot carry."
    if not least <= len(value) <= most or (forbidden and forbidden in value):
        barred = f" and no {forbidden!r}" if forbidden else ""
        return f"{name} is {shorten(value)}; it has {least} to {most} characters{barred}."
    return None
