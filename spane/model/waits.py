"""What nodes that wait are told when they run again, and how a plan says for how long or for which event they wait."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from spane.model.plan import PlanNode

#: The type of nodes that wait for an event, and the keys of their config.
WAIT_FOR_EVENT = "spane.wait_for_event"
EVENT = "event"
WITHIN_S = "within_s"
OR_NULL = "or_null"

#: The type of nodes that wait for the time in their config, and the units of it: the first that is given counts.
DELAY = "delay"
UNITS = (("ms", 0.001), ("seconds", 1.0), ("minutes", 60.0))

#: Past a hundred years, milliseconds are no whole numbers for Lua.
LONGEST_S = 100 * 366 * 86_400.0

#: What came: the time is over; or an event, whose data follows (`rouse.lua`).
TIME_CAME = b"t"
EVENT_CAME = b"e"

#: Each signal looks at all nodes of its plan that wait for the event.
MOST_WAITS = 500


def event_of(node: PlanNode) -> str | None:
    """Return the event that a node waits for, None if it waits for none."""
    if node.type != WAIT_FOR_EVENT:
        return None
    event = msgspec.json.decode(node.config).get(EVENT)
    return event if isinstance(event, str) else None


def is_duration(value: object) -> bool:
    """Tell whether a value is a number of seconds that can be waited for."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= LONGEST_S


def delay_of(config: Mapping[str, Any]) -> float | None:
    """Return the seconds that a delay's config asks for, ms before seconds before minutes; None where there are none."""
    for unit, in_s in UNITS:
        if unit in config:
            value = config[unit]
            return value * in_s if is_duration(value) and is_duration(value * in_s) else None
    return None
