"""The graph that users see: a `networkx.DiGraph` over node ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from spane.graph.wiring import wire
from spane.model.draft import Draft

if TYPE_CHECKING:
    Graph = nx.DiGraph[str]


def build(draft: Draft) -> Graph:
    """Return the graph of a draft, faulty or not.

    A node has the attribute `call` (the draft's `Call`); an edge has `bindings` (a list of (parameter, path)),
    `after` (whether it was also given to order only) and `gate` (the condition under which it lets its target run, as a
    condition of the plan; None is always).
    """
    wiring = wire(draft)
    graph: Graph = nx.DiGraph(workflow=draft.workflow)
    for node, call in wiring.calls.items():
        graph.add_node(node, call=call)
    for edges in wiring.incoming.values():
        for edge in edges.values():
            graph.add_edge(edge.source, edge.target, bindings=edge.bindings, after=edge.after, gate=edge.gate)
    return graph
