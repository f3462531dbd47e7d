"""The wiring of a draft: which node feeds which, read off the sources once and kept as plain dictionaries.

Checks, lowering and drawing all go over the wiring; `digraph` shows the same edges as a `networkx.DiGraph`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from spane.model.draft import Call, Draft
from spane.model.node_type import ParameterKind
from spane.model.plan import Output, Path, Source, leaves


@dataclass(slots=True)
class Edge:
    """One node fed by another: `bindings` are (parameter, path), `after` says that it also only orders.

    `gate` is the condition under which the edge carries; edges carry always so far.
    """

    source: str
    target: str
    bindings: list[tuple[str, Path]] = field(default_factory=list)
    after: bool = False
    gate: None = None


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
    """Yield (node, parameter, path) for every node that a call names; the parameter is None for `after`."""
    for parameter, source in bound(call):
        for leaf in leaves(source):
            if isinstance(leaf, Output):
                yield leaf.node, parameter, leaf.path
    for earlier in call.after:
        yield earlier, None, ()


def _wire_call(wiring: Wiring, call: Call, *, counts: bool) -> None:
    complained: set[str] = set()
    for source, parameter, path in references(call):
        if source == call.id or source not in wiring.calls:
            if source not in complained:
                complained.add(source)
                _complain(wiring, call, source, parameter)
        elif counts:
            edges = wiring.incoming[call.id]
            if source not in edges:
                edges[source] = Edge(source, call.id)
                wiring.outgoing[source].append(call.id)
            if parameter is None:
                edges[source].after = True
            else:
                edges[source].bindings.append((parameter, path))


def _complain(wiring: Wiring, call: Call, source: str, parameter: str | None) -> None:
    if source == call.id:
        wiring.loops.append((call, parameter))
    else:
        wiring.dangling.append((call, source, parameter))
