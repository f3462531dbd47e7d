"""`sleep` and `wait_for_event`: nodes of a body that wait and hold no worker meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeVar, cast, overload

from spane.authoring import waits
from spane.authoring.conditions import refuse
from spane.authoring.references import Reference, point
from spane.authoring.tracing import ACTIVE, Trace
from spane.graph.annotations import union
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import NodeOptions
from spane.model.waits import EVENT, OR_NULL, WITHIN_S, is_duration

T = TypeVar("T")


def sleep(value: T, seconds: float) -> T:
    """Pass a value on after some seconds; whoever takes it waits so long. No worker is held.

    Args:
        value: a reference.
        seconds: a number, or a reference to one that is known at run time.

    Raises:
        ReferenceMisuse: the value is no reference, the seconds are no time, or this is no workflow's body.

    >>> reminded = remind(sleep(invoice, 7 * 86_400))
    """
    trace = _trace("sleep", "In a plain function call time.sleep.")
    if not isinstance(value, Reference):
        refuse(trace, f"sleep takes a reference to pass on, and got {value!r}. Write sleep(result, 60).")
    at = point(value)
    trace.require_active(value, "sleep")
    if isinstance(seconds, Reference):
        trace.require_active(seconds, "sleep")
        node_type = _passing(waits.SLEEP_FOR, at.annotation)
        return cast("T", trace.wait(node_type, "sleep", {"value": at.source, "seconds": point(seconds).source}))
    if not is_duration(seconds):
        refuse(trace, f"sleep is given {seconds!r} as seconds. Give a number from 0 up, or a reference to one.")
    node_type = _passing(waits.SLEEP, at.annotation)
    return cast("T", trace.wait(node_type, "sleep", {"value": at.source}, NodeOptions(delay_s=seconds)))


def _passing(node_type: Any, annotation: Any) -> Any:
    value, *others = node_type.parameters
    return replace(node_type, parameters=(replace(value, annotation=annotation), *others), returns=annotation)


@overload
def wait_for_event(
    name: str,
    type: type[T],
    /,
    *,
    timeout_s: float | None = None,
    on_timeout: Literal["raise"] = "raise",
    after: Any = ...,
) -> T: ...
@overload
def wait_for_event(
    name: str, type: type[T], /, *, timeout_s: float, on_timeout: None, after: Any = ...
) -> T | None: ...
def wait_for_event(
    name: str,
    type: Any,  # noqa: A002 - what it is
    /,
    *,
    timeout_s: float | None = None,
    on_timeout: Literal["raise"] | None = "raise",
    after: Any = (),
) -> Any:
    """Wait for an event that `engine.signal(execution_id, name, data)` sends, and give its data. No worker is held.

    A signal that comes before the wait begins is kept for it.

    Args:
        name: the event's name, by which it is signalled.
        type: what its data must fit: a model, a dataclass, or any annotation.
        timeout_s: how long to wait at most, from when the wait begins; None is without end.
        on_timeout: `"raise"` fails the node with `EventTimeout` then; None gives None.
        after: a reference, or several in a list, to begin after.

    Raises:
        ReferenceMisuse: an argument is none, or this is no workflow's body.

    >>> approval = wait_for_event("approved", Approval, timeout_s=86_400)
    """
    trace = _trace("wait_for_event", "Nodes are plain functions, and cannot wait for one.")
    if not (isinstance(name, str) and is_name(name)):
        refuse(trace, f"wait_for_event is given the name {name!r}; an event's name has {NAME_RULE}.")
    if timeout_s is not None and not (is_duration(timeout_s) and timeout_s > 0):
        refuse(trace, f"wait_for_event is given timeout_s={timeout_s!r}; give seconds above 0, or None for no end.")
    if on_timeout not in ("raise", None):
        refuse(trace, f"wait_for_event is given on_timeout={on_timeout!r}; give 'raise', or None for None.")
    if on_timeout is None and timeout_s is None:
        refuse(
            trace, "wait_for_event is given on_timeout=None and no timeout_s, so it never gives None. Say timeout_s."
        )
    config: dict[str, Any] = {EVENT: name}
    if timeout_s is not None:
        config[WITHIN_S] = timeout_s
    if on_timeout is None:
        config[OR_NULL] = True
    returns = union([type, None]) if on_timeout is None else type
    node_type = replace(waits.WAIT, fn=waits.EventWait(type), returns=returns)
    return trace.wait(node_type, name, {}, config=config, after=after if isinstance(after, (list, tuple)) else (after,))


def _trace(what: str, advice: str) -> Trace:
    trace = ACTIVE.get()
    if trace is None:
        refuse(None, f"{what} stands outside a workflow's body. {advice}")
    return trace
