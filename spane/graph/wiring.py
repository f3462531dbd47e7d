"""The wiring of a draft: which node feeds which, read off the sources once and kept as plain dictionaries.

Checks, lowering and drawing all go over the wiring; `digraph` shows the same edges as a `networkx.DiGraph`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from spane.model.draft import Call, Draft
from spane.model.expressions import All, Condition, Output, Path, Source, leaves
from spane.model.node_type import ParameterKind


@dataclass(slots=True)
class Edge:
    """One node that waits for another: `bindings` are (parameter, path), `after` says that it also only orders.

    `branches` are those of the source that must be open for the target to run, with their conditions.
    """

    source: str
    target: str
    bindings: list[tuple[str, Path]] = field(default_factory=list)
    after: bool = False
    branches: dict[str, Condition | None] = field(default_factory=dict)

    @property
    def gate(self) -> Condition | None:
        """The condition under which the edge lets the target run; None is always."""
        conditions = tuple(one for one in self.branches.values() if one is not None)
        return (conditions[0] if len(conditions) == 1 else All(conditions)) if conditions else None


@dataclass(slots=True)
class Wiring:
    """All edges of a draft between nodes that exist; the first of several nodes with one id stands for it.

    `incoming` is `{target: {source: edge}}` in binding order, `outgoing` is `{source: [target]}`; both have an
    entry for every node. `dangling` are (call, unknown id, parameter or None for `after`); `loops` likewise are
    calls that name themselves.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    incoming: dict[str, dict[str, Edge]] = field(default_factory=dict)
    outgoing: dict[str, list[str]] = field(default_factory=dict)
    dangling: list[tuple[Call, str, str | None]] = field(default_factory=list)
    loops: list[tuple[Call, str | None]] = field(default_factory=list)

    def roots(self) -> list[str]:
        """Return the nodes that wait for no other, in the order of the draft."""
        return [node for node, edges in self.incoming.items() if not edges]

    def order(self) -> list[str]:
        """Return the nodes in topological order, earliest written first; nodes on or behind a cycle are left out."""
        position = {node: index for index, node in enumerate(self.calls)}
        names = list(self.calls)
        missing = {node: len(edges) for node, edges in self.incoming.items()}
        ready = [position[node] for node in self.roots()]  # ascending, so already a heap
        ordered: list[str] = []
        while ready:
            node = names[heapq.heappop(ready)]
            ordered.append(node)
            for child in self.outgoing[node]:
                missing[child] -= 1
                if not missing[child]:
                    heapq.heappush(ready, position[child])
        return ordered

    def cycles(self) -> list[list[str]]:
        """Return cycles that share no node, each in the direction of its edges, until none is left."""
        stuck = set(self.calls).difference(self.order())
        position = {node: index for index, node in enumerate(self.calls)}
        found: list[list[str]] = []
        for start in self.calls:
            while start in stuck:
                cycle = self._cycle_above(start, stuck)
                first = min(range(len(cycle)), key=[position[node] for node in cycle].__getitem__)
                found.append(cycle[first:] + cycle[:first])
                stuck.difference_update(cycle)
                self._free(cycle, stuck)
        return found

    def _cycle_above(self, start: str, stuck: set[str]) -> list[str]:
        # Every stuck node has a stuck parent, so going up must come back to a node already passed.
        trail: dict[str, int] = {}
        walked: list[str] = []
        node = start
        while node not in trail:
            trail[node] = len(walked)
            walked.append(node)
            node = next(parent for parent in self.incoming[node] if parent in stuck)
        return walked[trail[node] :][::-1]

    def _free(self, gone: list[str], stuck: set[str]) -> None:
        pending = [child for node in gone for child in self.outgoing[node]]
        while pending:
            node = pending.pop()
            if node in stuck and not any(parent in stuck for parent in self.incoming[node]):
                stuck.discard(node)
                pending.extend(self.outgoing[node])


def bound(call: Call) -> Iterator[tuple[str, Source]]:
    """Yield (parameter, source) for everything that is bound to a call, `*args` and merged parents included."""
    yield from call.arguments.items()
    if call.args:
        variadic = call.node_type.variadic if call.node_type else None
        name = variadic.name if variadic else "args"
        for source in call.args:
            yield name, source
    if call.merged:
        name = merging_parameter(call)
        for source in call.merged:
            yield name, source


def merging_parameter(call: Call) -> str:
    """Return the name of the call's `Parents` parameter, or an empty string."""
    parameters = call.node_type.parameters if call.node_type else ()
    return next((p.name for p in parameters if p.kind is ParameterKind.PARENTS), "")


def wire(draft: Draft) -> Wiring:
    """Read the edges off a draft, however faulty it is."""
    wiring = Wiring()
    for call in draft.calls:
        wiring.calls.setdefault(call.id, call)
    wiring.incoming = {node: {} for node in wiring.calls}
    wiring.outgoing = {node: [] for node in wiring.calls}
    for call in draft.calls:
        _wire_call(wiring, call, counts=wiring.calls[call.id] is call)
    return wiring


def references(call: Call) -> Iterator[tuple[str, str | None, Path]]:
    """Yield (node, parameter, path) for every node that a call takes or follows; the parameter is None for `after`."""
    for parameter, source in bound(call):
        for leaf in leaves(source):
            if isinstance(leaf, Output):
                yield leaf.node, parameter, leaf.path
    for earlier in call.after:
        yield earlier, None, ()


def _wire_call(wiring: Wiring, call: Call, *, counts: bool) -> None:
    complained: set[str] = set()
    for source, parameter, path in references(call):
        if not _is_there(wiring, call, source, parameter, complained) or not counts:
            continue
        if parameter is None:
            _edge(wiring, call, source).after = True
        else:
            _edge(wiring, call, source).bindings.append((parameter, path))
    for gate in call.gates:
        if _is_there(wiring, call, gate.node, None, complained) and counts:
            conditions = {branch.name: branch.condition for branch in wiring.calls[gate.node].decides}
            _edge(wiring, call, gate.node).branches[gate.branch] = conditions.get(gate.branch)


def _is_there(wiring: Wiring, call: Call, source: str, parameter: str | None, complained: set[str]) -> bool:
    """Tell whether `source` is another node of the draft; if not, that is noted once for each call."""
    if source != call.id and source in wiring.calls:
        return True
    if source not in complained:
        complained.add(source)
        if source == call.id:
            wiring.loops.append((call, parameter))
        else:
            wiring.dangling.append((call, source, parameter))
    return False


def _edge(wiring: Wiring, call: Call, source: str) -> Edge:
    """Return the edge from `source` to a call, made if there is none yet."""
    edges = wiring.incoming[call.id]
    if source not in edges:
        edges[source] = Edge(source, call.id)
        wiring.outgoing[source].append(call.id)
    return edges[source]
