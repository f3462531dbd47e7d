"""The node types of waits: they hold no worker while their time runs or their event is to come.

`spane.sleep` passes its value on, and its plan delays it; `spane.sleep_for` does after as many seconds as it is given, and
`delay` after the time in its config: `ms`, `seconds` or `minutes`. `spane.wait_for_event` gives the data of the event that its
config names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from spane.authoring.context import Context
from spane.errors import EventTimeout, Fault, Unrecoverable, ValueMismatch
from spane.graph.wiring import references
from spane.model.codec import Reader
from spane.model.draft import Draft
from spane.model.expressions import Output, leaves
from spane.model.node_type import Location, NodeType, Parameter, ParameterKind
from spane.model.outcome import Awaits
from spane.model.plan import PlanNode
from spane.model.waits import (
    EVENT,
    EVENT_CAME,
    OR_NULL,
    TIME_CAME,
    WAIT_FOR_EVENT,
    WITHIN_S,
    delay_of,
    event_of,
    is_duration,
)

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow

_DAY_S = 86_400

_CONTEXT = Parameter("context", kind=ParameterKind.CONTEXT)


def _sleep(value: Any) -> Any:
    return value


def _sleep_for(value: Any, seconds: Any, context: Context) -> Any:
    if context.came is not None or seconds == 0:
        return value
    if not is_duration(seconds):
        raise Unrecoverable(f"Node {context.node!r} is to sleep for {seconds!r} s. Give it seconds from 0 up.")
    return Awaits(f"{seconds:g} s", _ms(seconds))


def _delay(context: Context, value: Any = None) -> Any:
    if context.came is not None:
        return value
    seconds = delay_of(context.config)
    if seconds is None:
        raise Unrecoverable(
            f"Delay node {context.node!r} has no time that it can wait for: its config is {dict(context.config)!r}. Give it ms, "
            "seconds or minutes, a number from 0 up."
        )
    if seconds > _DAY_S:
        context.logger.warning("Delay node %r waits for more than 24 h: %g h.", context.node, seconds / 3600)
    return Awaits(f"{seconds:g} s", _ms(seconds)) if seconds else value


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


class EventWait:
    """What a node does that waits for an event whose data is to fit `expects`."""

    def __init__(self, expects: Any = Any) -> None:
        self.expects = expects
        self._reader = Reader(expects)

    def __call__(self, context: Context) -> Any:
        """Wait at first; with what came, return its data."""
        event, within_s = context.config[EVENT], context.config.get(WITHIN_S)
        came = context.came
        if came is None:
            return Awaits(f"event {event!r}", None if within_s is None else _ms(within_s), event)
        if came == TIME_CAME:
            if context.config.get(OR_NULL):
                return None
            raise EventTimeout(event, context.node, within_s)
        return self.read(came.removeprefix(EVENT_CAME), event, context.node)

    def read(self, raw: bytes, event: str, node: str) -> Any:
        """Return the data of an event as what is expected; `ValueMismatch` if it is not."""
        try:
            return self._reader.read(raw)
        except ValidationError as error:
            problems = self._reader.problems(error, raw, "data")
            lines = "\n".join(f"  - {problem}" for problem in problems)
            raise ValueMismatch(
                f"Event {event!r} came with data that node {node!r} does not wait for:\n{lines}\nSend what the type in "
                "wait_for_event(...) says, or change it.",
                node=node,
                parameter=event,
                problems=tuple(problems),
            ) from error

    def problems(self, raw: bytes) -> tuple[str, ...]:
        """Return in what the data of an event is not what is expected."""
        try:
            self._reader.read(raw)
        except ValidationError as error:
            return tuple(self._reader.problems(error, raw, "data"))
        return ()


def _type(name: str, fn: Any, *parameters: Parameter, waits: bool = True, returns: Any = Any) -> NodeType:
    return NodeType(
        name=name,
        fn=fn,
        parameters=parameters,
        returns=returns,
        location=Location(__file__, 1),
        module=__name__,
        qualname=name,
        waits=waits,
    )


_VALUE = Parameter("value", Any)

SLEEP = _type("spane.sleep", _sleep, _VALUE, waits=False)
SLEEP_FOR = _type("spane.sleep_for", _sleep_for, _VALUE, Parameter("seconds", Any), _CONTEXT)
WAIT = _type(WAIT_FOR_EVENT, EventWait(), _CONTEXT)
DELAY = _type("delay", _delay, _CONTEXT, replace(_VALUE, default=None))

#: All of them by name.
TYPES = {made.name: made for made in (SLEEP, SLEEP_FOR, WAIT, DELAY)}


def waiting_for(workflow: Workflow[..., Any], event: str) -> dict[str, EventWait]:
    """Return what the nodes of a workflow do that wait for an event, by their ids."""
    calls = (call for call in workflow.draft.calls if call.node_type and call.config.get(EVENT) == event)
    found = {call.id: call.node_type.fn for call in calls if call.node_type}
    return {node: fn for node, fn in found.items() if isinstance(fn, EventWait)}


def written_in(workflow: Workflow[..., Any], node: PlanNode) -> NodeType | None:
    """Return the type of a wait as the workflow's code has it: with what it expects of its event; None if it has none."""
    found = (call for call in workflow.draft.calls if call.id == node.id and call.type == WAIT.name)
    return next((call.node_type for call in found if call.config.get(EVENT) == event_of(node)), None)


def unused(draft: Draft, in_order: set[str]) -> Iterator[Fault]:
    """Find waits that nothing waits for; `in_order` are the calls whose order a block keeps."""
    kinds = {SLEEP.name: "sleep", SLEEP_FOR.name: "sleep", WAIT.name: "wait_for_event"}
    waiting = [call for call in draft.calls if call.type in kinds and call.id not in in_order]
    if not waiting:
        return
    used = {node for call in draft.calls for node, _, _ in references(call)}
    used |= {gate.node for call in draft.calls for gate in call.gates}
    if draft.returns is not None:
        used |= {leaf.node for leaf in leaves(draft.returns) if isinstance(leaf, Output)}
    for call in waiting:
        if call.id not in used:
            what = kinds[call.type]
            message = (
                f"nothing takes what this {what} gives, so nothing waits for it. Pass its result on, name it in "
                "options(after=...), or put the calls in their order: `with in_order():`."
            )
            yield Fault("unused-wait", message, str(call.location))
