"""Pictures of a draft, faulty or not: a tree for terminals, Mermaid for documents, SVG for browsers."""

from __future__ import annotations

from spane.graph.draw.diagram import mermaid
from spane.graph.draw.picture import svg
from spane.graph.draw.tree import rows, text

__all__ = ["mermaid", "rows", "svg", "text"]
