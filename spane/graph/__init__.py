"""The graph of a workflow: what a draft says, checked as a whole, lowered to a plan, drawn, and written as JSON.

    build(draft)    the `networkx.DiGraph` that users see
    check(draft)    every fault and every warning, together
    lower(draft)    the plan
    definition      drafts from JSON definitions and back
    draw            text, Mermaid, SVG

Nothing here recurses along edges or scans all nodes for each node: a chain, a join and a fan-out of 10,000
nodes take about a second each.
"""

from __future__ import annotations

from typing import Any

from spane.graph.checking import check
from spane.graph.lowering import lower


def __getattr__(name: str) -> Any:
    # networkx takes longer to import than all else here, and a worker or `spane run` never looks at a DiGraph.
    if name == "build":
        from spane.graph.digraph import build  # noqa: PLC0415

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["build", "check", "lower"]
