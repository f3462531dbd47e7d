"""Values that may have been skipped: which nodes run all the same, and whether `coalesce` always finds one."""

from __future__ import annotations

from collections.abc import Iterator

from spane.errors import Fault
from spane.graph.conditions import said_of
from spane.graph.presence import Presence, is_always_fed
from spane.graph.shapes import Shapes
from spane.graph.wiring import bound, wire
from spane.model.draft import Call, Draft
from spane.model.expressions import Constant, First
from spane.model.node_type import Location
from spane.model.plan import Gate


def settle(draft: Draft, coalesced: list[tuple[First, list[Gate], Location]]) -> Iterator[Fault]:
    """Mark the calls of a traced body that run though all their parents may be skipped; find `coalesce` without default."""
    if not coalesced and not any(call.gates for call in draft.calls):
        return
    wiring = wire(draft)
    presence = Presence(wiring, Shapes(wiring.calls, {parameter.name: parameter for parameter in draft.inputs}))
    for call in wiring.calls.values():
        # A node may also skip itself, which no graph knows beforehand; a default is for that as well.
        call.always_fed = is_always_fed(call) and (_has_default(call) or presence.may_be_unfed(call))
    for source, gates, location in coalesced:
        if not presence.is_there(source, presence.closed(gates)):
            message = (
                f"{said_of(source)} finds nothing where all of these were skipped, which their branches allow. Give it "
                "default=..., or values for all branches: when and otherwise(), every case and default()."
            )
            yield Fault("coalesce-default", message, str(location))


def _has_default(call: Call) -> bool:
    """Tell whether a call is given a choice that ends in a constant."""
    return any(isinstance(source, First) and isinstance(source.items[-1], Constant) for _, source in bound(call))
