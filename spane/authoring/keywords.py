"""Options are given by name, and a name that is no option is refused with the one that was probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from spane.authoring import locations
from spane.errors import Fault, UnknownOption
from spane.graph.spelling import nearest
from spane.model.paths import shorten

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

#: What other libraries call these options.
_ATTEMPTS = ("tries", "retries", "max_tries", "max_retries", "max_attempts", "maximum_attempts", "times", "n")
MEANT_OF_RETRY = {
    **dict.fromkeys(_ATTEMPTS, "attempts"),
    **dict.fromkeys(("delay", "delay_s", "wait", "wait_s", "min_backoff", "initial_interval", "countdown"), "base_s"),
    **dict.fromkeys(("max_delay", "max_wait", "max_backoff", "maximum_interval"), "max_s"),
    **dict.fromkeys(("multiplier", "backoff_factor", "backoff_coefficient", "exponent"), "factor"),
    **dict.fromkeys(("on", "exceptions", "autoretry_for", "retry_for", "include"), "retry_on"),
    **dict.fromkeys(("throws", "exclude", "dont_retry_on", "non_retryable_error_types"), "give_up_on"),
}
MEANT_OF_NODE = {
    **dict.fromkeys(("attempts", *_ATTEMPTS), "retry=Retry(attempts=...)"),
    **dict.fromkeys(("time_limit", "timeout_seconds", "start_to_close_timeout"), "timeout_s"),
    **dict.fromkeys(("queue_name", "task_queue"), "queue"),
    **dict.fromkeys(("wait", "countdown", "start_delay"), "delay_s"),
    **dict.fromkeys(("actor_name", "type", "id"), "name"),
    **dict.fromkeys(("depends_on", "upstream", "wait_for"), "after"),
}


def options_of(
    what: str, meant: Mapping[str, str] | None = None, advice: str = ""
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function refuse options it does not have, as `UnknownOption` at the user's line.

    `what` is how users write it, `meant` what they may call its options besides, and `advice` what to say where no
    option is near.
    """

    def decorate(fn: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(fn).parameters.values()
        known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        places = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
        many = any(p.kind is p.VAR_POSITIONAL for p in parameters)

        @functools.wraps(fn)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if len(args) > places and not many:
                given = shorten(args[places])
                _refuse(
                    what, [f"{what} takes options by name only, and {given} has none. They are {', '.join(known)}."]
                )
            unknown = [name for name in kwargs if name not in known]
            if unknown:
                _refuse(what, [_unknown(what, name, known, meant or {}, advice) for name in unknown])
            return fn(*args, **kwargs)

        return checked

    return decorate


def with_options(what: str, meant: Mapping[str, str]) -> Callable[[type[C]], type[C]]:
    """Do the same for what a class is made with."""

    def decorate(cls: type[C]) -> type[C]:
        cls.__init__ = options_of(what, meant)(cls.__init__)  # type: ignore[method-assign]
        return cls

    return decorate


def _unknown(what: str, name: str, known: list[str], meant: Mapping[str, str], advice: str) -> str:
    other = meant.get(name, "")
    if other.partition("=")[0] not in known:
        other = nearest(name, known) or ""
    listed = f"Its options are {', '.join(known)}." if len(known) > 1 else f"Its one option is {known[0]}."
    return f"{what} has no option {name!r}. " + (f"Did you mean {other!r}?" if other else f"{listed} {advice}".rstrip())


def _refuse(what: str, problems: list[str]) -> None:
    where = str(locations.caller())
    raise UnknownOption(what, [Fault("unknown-option", problem, where) for problem in problems])
