"""Which values are sure to be there: what has to hold for a node to run, and what follows from its running.

What has to hold for a node is a set of gates, closed under what follows: whoever stands behind a gate of a node knows
that this node ran. A node whose parents may all be skipped, each on its own, stands in such sets itself, by its id. One that
may fail and be gone on from stands in those of its output as a success: its children run without that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spane.graph import domains
from spane.graph.annotations import takes_none
from spane.graph.gates import WHEN
from spane.graph.shapes import Shapes
from spane.graph.wiring import Wiring, bound
from spane.model.draft import Call
from spane.model.expressions import Condition, Constant, Fields, First, Input, Items, Output, Source, leaves
from spane.model.plan import Gate


@dataclass(frozen=True, slots=True)
class Success:
    """That a node with `on_failure="continue"` did not fail."""

    node: str


Needs = frozenset[Gate | Success | str]

_NOTHING: Needs = frozenset()

#: No more ways than this are found beside those by which one of several values is there by itself.
_MOST_WIDER = 200


class Presence:
    """What has to hold for the values of one draft to be there."""

    def __init__(self, wiring: Wiring, shapes: Shapes) -> None:
        self._wiring = wiring
        self._shapes = shapes
        self._behind: dict[str, Needs] = {}
        self._of: dict[str, Needs] = {}
        #: Of all nodes that may fail and be gone on from.
        self.successes: Needs = frozenset(
            Success(call.id) for call in wiring.calls.values() if call.options.on_failure == "continue"
        )
        for node in wiring.order():
            call = wiring.calls[node]
            self._behind[node] = self._closed(call.gates)
            self._of[node] = self._node(call)

    def behind(self, node: str) -> Needs:
        """Return what holds wherever a node runs, by the gates that it stands behind."""
        return self._behind.get(node, _NOTHING)

    def closed(self, gates: Iterable[Gate]) -> Needs:
        """Return what holds behind some gates."""
        return self._closed(gates)

    def of(self, source: Source) -> Needs:
        """Return what has to hold for a value to be there; for one of several, what all of them have in common."""
        match source:
            case Output(node, _):
                return self._of.get(node, _NOTHING) | (self.successes & {Success(node)})
            case Items(items):
                return _NOTHING.union(*(self.of(item) for item in items))
            case Fields(pairs):
                return _NOTHING.union(*(self.of(item) for _, item in pairs))
            case First(_):
                ways = self.ways(source)
                return ways[0].intersection(*ways[1:])
            case _:
                return _NOTHING

    def ways(self, source: Source) -> list[Needs]:
        """Return what may hold for a value to be there, each way by itself."""
        if not isinstance(source, First):
            return [self.of(source)]
        ways = list(dict.fromkeys(way for item in source.items for way in self.ways(item)))
        tried: set[tuple[str, Needs]] = set()
        most = len(ways) + _MOST_WIDER
        for way in ways:  # grows while it is gone through
            if len(ways) > most:
                break
            ways += [wider for wider in self._wider(way, ways, tried) if wider not in ways]
        return ways

    def is_there(self, source: Source, known: Needs) -> bool:
        """Tell whether a value is sure to be there where `known` holds."""
        return any(way <= known for way in self.ways(source))

    def may_be_unfed(self, call: Call) -> bool:
        """Tell whether all nodes that feed a call may be skipped although its own gates are open."""
        outputs = [leaf for leaf in _leaves(call) if isinstance(leaf, Output)]
        # Whoever stands below a node that failed and was gone on from runs all the same.
        behind = self.behind(call.id) | self.successes
        if not outputs or any(self.of(leaf) <= behind for leaf in outputs):
            return False
        # One of them may be sure to be there although none is by itself.
        return not self.is_there(First(tuple(dict.fromkeys(outputs))), behind)

    def _closed(self, gates: Iterable[Gate]) -> Needs:
        found: set[Gate | Success | str] = set()
        for gate in gates:
            found.add(gate)
            found |= self.of(Output(gate.node))
        return frozenset(found)

    def _node(self, call: Call) -> Needs:
        # One that is skipped when it fails may be skipped on its own.
        own: Needs = frozenset({call.id}) if call.options.on_failure == "skip" else _NOTHING
        behind = self._behind[call.id] | own
        if is_always_fed(call) or _requires(call) or not self.may_be_unfed(call):
            return behind
        ways = [self.of(leaf) - self.successes for leaf in _leaves(call) if isinstance(leaf, Output)]
        least = min(ways, key=len)
        return behind | (least if all(least <= way for way in ways) else {call.id})

    def _wider(self, way: Needs, ways: list[Needs], tried: set[tuple[str, Needs]]) -> Iterator[Needs]:
        """Yield what is left of a way without a gate beside which there are ways for all else that its node decides."""
        for gate in way:
            if not isinstance(gate, Gate):
                continue
            rest = (way - {gate}) | self._decided(gate.node)
            if (gate.node, rest) in tried:
                continue
            tried.add((gate.node, rest))
            beside = {
                one.branch
                for other in ways
                for one in other
                if isinstance(one, Gate) and one.node == gate.node and other - {one} <= rest
            }
            if self._covers(gate.node, beside):
                yield rest

    def _decided(self, node: str) -> Needs:
        """Return what has to hold for a node to decide at all."""
        needs = self.of(Output(node))
        call = self._wiring.calls.get(node)
        if call is not None and call.type == WHEN:
            needs = needs.union(*(self.of(source) for source in call.arguments.values()))
        return needs

    def _covers(self, node: str, branches: set[str]) -> bool:
        call = self._wiring.calls.get(node)
        if call is None:
            return False
        conditions = [branch.condition for branch in call.decides if branch.name in branches]
        for source in _equated(conditions):
            if domains.cover(conditions, domains.values(self._shapes.of(source)), source):
                return True
        return domains.cover(conditions, None, None)


def _requires(call: Call) -> bool:
    """Tell whether code needs a value of this call to be there; it has a fault of its own where that is not sure."""
    taken = call.node_type.parameters if call.node_type is not None and call.location.line else ()
    return any(p.required and p.name in call.arguments and not takes_none(p.annotation) for p in taken)


def is_always_fed(call: Call) -> bool:
    """Tell whether a constant or an input feeds a call beside its parents; in code that counts as a parent that ran."""
    if not call.location.line:
        return call.always_fed
    return any(not isinstance(leaf, Output) for leaf in _leaves(call))


def _leaves(call: Call) -> Iterator[Constant | Input | Output]:
    for _, source in bound(call):
        yield from leaves(source)


def _equated(conditions: list[Condition]) -> list[Source]:
    """Return the sources whose values conditions list, each once."""
    found = [source for condition in conditions if (source := domains.equated(condition)) is not None]
    return list({repr(source): source for source in found}.values())
