"""Faults in waits and deadlines: events without a name, times that are none, more waits for one event than a signal can look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from spane.errors import Fault
from spane.model.draft import Call, Draft
from spane.model.ids import NAME_RULE, is_name
from spane.model.waits import DELAY, EVENT, MOST_WAITS, OR_NULL, WAIT_FOR_EVENT, WITHIN_S, delay_of, is_duration

_DAY_S = 86_400


def faults(draft: Draft) -> Iterator[Fault]:
    """Find what is wrong with the deadline and with waits for events."""
    deadline_s = draft.deadline_s
    if deadline_s is not None and not (is_duration(deadline_s) and deadline_s > 0):
        message = (
            f"deadline_s is {deadline_s!r}; give seconds above 0, at most a hundred years, or None for no deadline."
        )
        yield Fault("bad-option", message, draft.where)
    events: Counter[str] = Counter()
    for call in draft.calls:
        if call.type == WAIT_FOR_EVENT:
            for problem in _problems(call):
                yield Fault("bad-wait", f"Node {call.id!r} waits for an event: {problem}", call.where)
            events[str(call.config.get(EVENT))] += 1
    for event, count in events.items():
        if count > MOST_WAITS:
            message = (
                f"{count} nodes wait for the event {event!r}; at most {MOST_WAITS} may wait for one. Give them events of "
                "different names."
            )
            yield Fault("too-many-waits", message, draft.where)


def _problems(call: Call) -> Iterator[str]:
    event, within_s, or_null = (call.config.get(key) for key in (EVENT, WITHIN_S, OR_NULL))
    if not (isinstance(event, str) and is_name(event)):
        yield f"{EVENT} in its config is {event!r}; the name of an event has {NAME_RULE}."
    if within_s is not None and not (is_duration(within_s) and within_s > 0):
        yield f"{WITHIN_S} in its config is {within_s!r}; give seconds above 0, or leave it out to wait without end."
    if or_null not in (None, True, False):
        yield f"{OR_NULL} in its config is {or_null!r}; give true or false."


def warnings(draft: Draft) -> Iterator[Fault]:
    """Warn of delays that are longer than anybody is likely to have meant."""
    for call in draft.calls:
        seconds = delay_of(call.config) if call.type == DELAY and call.node_type and call.node_type.waits else None
        if seconds is not None and seconds > _DAY_S:
            message = (
                f"Node {call.id!r} waits for {seconds / 3600:g} h, more than 24 h. Is its unit the one that is meant?"
            )
            yield Fault("long-delay", message, call.where)
