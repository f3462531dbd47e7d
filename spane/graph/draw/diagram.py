"""A draft as a Mermaid flowchart, for documents that render it."""

from __future__ import annotations

import re

from spane.graph.draw.tree import kind_of, title
from spane.graph.gates import said_of_gate
from spane.graph.paths import spelled
from spane.graph.wiring import Edge, Wiring, wire
from spane.model.draft import Draft
from spane.model.plan import Gate

_SPECIAL = re.compile(r"[^\w .:,()\-]")


def mermaid(draft: Draft) -> str:
    """Return a draft as a Mermaid flowchart; edges carry the parameters they feed and the branches they open, dotted ones no values."""
    wiring = wire(draft)
    lines = ["---", f'title: "{_SPECIAL.sub(" ", title(draft))}"', "---", "flowchart LR"]
    names = {node: f"n{index}" for index, node in enumerate(wiring.calls)}
    for node, call in wiring.calls.items():
        kind = f"<br/><small>{_escaped(said_kind)}</small>" if (said_kind := kind_of(call)) else ""
        lines.append(f'    {names[node]}["{_escaped(node)}{kind}"]')
    for edges in wiring.incoming.values():
        for edge in edges.values():
            arrow, label = "-->" if edge.bindings else "-.->", said(edge, wiring)
            shown = f'|"{_escaped(label)}"|' if label else ""
            lines.append(f"    {names[edge.source]} {arrow}{shown} {names[edge.target]}")
    return "\n".join(lines) + "\n"


def said(edge: Edge, wiring: Wiring) -> str:
    """Return what an edge is: the parameters it feeds, or `after`, and the branches: `order.id as key, if order.paid`."""
    each = wiring.calls[edge.target].each
    named = [(f"each {name}" if each and name == each.parameter else name, path) for name, path in edge.bindings]
    parts = [f"{spelled(path)} as {name}" if path else name for name, path in named if name or path]
    if edge.after and not edge.bindings:
        parts.append("after")
    gates = [said_of_gate(Gate(edge.source, branch), wiring.calls) for branch in edge.branches]
    if gates:
        parts.append(f"if {' and '.join(gates)}")
    return ", ".join(parts)


def _escaped(text: str) -> str:
    """Write whatever Mermaid may take for its own as a character code."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text)
