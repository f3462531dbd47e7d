"""The rules a node runs by, as users write them: checked, and all that is wrong said at once."""

from __future__ import annotations

from typing import Any

from spane.authoring import locations
from spane.authoring.breaker import Breaker
from spane.authoring.limits import Limit
from spane.authoring.references import Reference
from spane.authoring.retry import Retry
from spane.errors import DefinitionError, Fault
from spane.graph import rules
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import NodeOptions

#: Stands for an option that was not given, where None means something.
UNSET: Any = type("Unset", (), {"__repr__": lambda _: "UNSET"})()


def changed(options: NodeOptions, subject: str, **changes: Any) -> NodeOptions:
    """Return `options` with what was given changed; DefinitionError names every bad one of node `subject`."""
    given = {name: value for name, value in changes.items() if value is not UNSET}
    problems = list(_early_problems(given))
    if not problems:
        lowered = options.changed(**{name: _lowered(value) for name, value in given.items()})
        problems = list(rules.problems(lowered))
    if problems:
        where = str(locations.caller())
        raise DefinitionError(f"Node {subject!r}", [Fault("bad-option", problem, where) for problem in problems])
    return lowered


def _lowered(value: Any) -> Any:
    if isinstance(value, Retry):
        return value.policy()
    return value.rule() if isinstance(value, Limit | Breaker) else value


def _early_problems(given: dict[str, Any]) -> list[str]:
    """Return what is wrong with options that must not even be compared, or that the plan writes differently."""
    problems = []
    for name, value in given.items():
        if isinstance(value, Reference):
            problems.append(
                f"{name} is {value!r}; options are fixed before anything runs, so give a finished value. Only `after` "
                "takes references."
            )
        elif name == "retry" and not isinstance(value, Retry):
            problems.append(f"retry is {value!r}; give a Retry, for example Retry(attempts=5).")
        elif name == "breaker" and not (value is None or isinstance(value, Breaker)):
            problems.append(f"breaker is {value!r}; give a Breaker, for example Breaker(failure_threshold=5).")
        elif name == "version" and not (isinstance(value, str) and (value == "" or is_name(value))):
            problems.append(f"version is {value!r}; give text: {NAME_RULE}.")
    return problems
