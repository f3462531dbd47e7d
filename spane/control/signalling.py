"""Signal an event to an execution: check its data, and ask for the transition until its answer is known."""

from __future__ import annotations

from typing import Any

from spane.authoring import waits
from spane.authoring.workflow import Workflow
from spane.control.options import is_storable
from spane.errors import (
    DefinitionError,
    IllegalTransition,
    PlanGone,
    ResultNotSerialisable,
    SignalRefused,
    StoreUnavailable,
    UnknownEvent,
    UnknownExecution,
)
from spane.model import codec
from spane.model.ids import new_execution_id
from spane.model.paths import shorten, spell
from spane.runtime.store import Store

#: Signals of one event that came before anybody waited for them.
MOST_KEPT = 1_000
_LONGEST_KEY = 200
_TIMES = 3


def signal(
    store: Store, execution: str, workflow: Workflow[..., Any] | None, event: str, data: Any, key: str | None
) -> bool:
    """Signal an event; True if a node takes it now, False if it is kept for one that will wait for it."""
    plan = store.fields(execution, "@pl")[0] if is_storable(execution) else None
    if plan is None:
        raise UnknownExecution(execution)
    raw = _checked(store, execution, event, data, key)
    if not is_storable(event) or event not in (events := store.plan_head(plan).events):
        raise UnknownEvent(execution, event, store.plan_head(plan).events)
    if workflow is not None:
        _check_type(workflow, plan, execution, event, raw)
    code, *rest = _sent(store, execution, event, key or new_execution_id(), raw)
    if code == "unknown":
        raise UnknownExecution(execution)
    if code == "illegal":
        raise IllegalTransition(execution, "signal", rest[0])
    if code == "noplan":
        raise PlanGone(rest[0])
    if code == "noevent":
        raise UnknownEvent(execution, event, events)
    if code == "full":
        raise SignalRefused(
            execution, event, (f"{MOST_KEPT:,} signals of it are kept already, and nobody takes them.",)
        )
    return bool(rest[0] == "taken")


def _sent(store: Store, execution: str, event: str, signal_id: str, raw: bytes) -> list[str]:
    """Return the script's answer. A signal has an id, so that one whose answer was lost can be sent again."""
    for left in range(_TIMES - 1, -1, -1):
        try:
            reply = store.call("signal", store.clock.injected, execution, event, signal_id, raw, MOST_KEPT)
        except StoreUnavailable as error:
            if not left:
                raise StoreUnavailable(
                    f"{error} Whether event {event!r} was sent to execution {execution!r} is not known; sent again with "
                    f"key={signal_id!r}, it comes once.",
                    execution=execution,
                    key=signal_id,
                ) from error
        else:
            break
    return [part.decode() for part in reply]


def _checked(store: Store, execution: str, event: str, data: Any, key: str | None) -> bytes:
    """Return data as JSON; `SignalRefused` with all that is wrong with a signal."""
    problems, raw = [], b""
    if key is not None and (not is_storable(key) or not 1 <= len(key) <= _LONGEST_KEY):
        problems.append(f"key is {shorten(key)}; it is a text of 1 to {_LONGEST_KEY} characters.")
    try:
        raw = codec.dump(data)
    except ResultNotSerialisable as error:
        problems.append(f"{spell('data', error.path)}: it {error.reason}. Give plain JSON values.")
    most = store.limits.inline_value_bytes
    if len(raw) > most:
        problems.append(
            f"data has {len(raw):,} bytes as JSON; it has at most {most:,} (SPANE_INLINE_VALUE_BYTES). Store what is large "
            "elsewhere and send a reference to it."
        )
    if problems:
        raise SignalRefused(execution, event, tuple(problems))
    return raw


def _check_type(workflow: Workflow[..., Any], plan: str, execution: str, event: str, raw: bytes) -> None:
    """Refuse data that no wait of the workflow takes, where this process has the code that the plan was made of."""
    try:
        if workflow.plan.hash != plan:
            return
        expected = waits.waiting_for(workflow, event)
    except DefinitionError:
        return
    found = [wait.problems(raw) for wait in expected.values()]
    if found and all(found):
        raise SignalRefused(execution, event, tuple(dict.fromkeys(problem for one in found for problem in one)))
