"""A draft as a standalone SVG: nodes in columns from left to right, each column waiting for those before it."""

from __future__ import annotations

import re
import unicodedata
from html import escape

from spane.graph.draw.diagram import said
from spane.graph.draw.layout import Layout, layout
from spane.graph.draw.tree import kind_of, title
from spane.graph.gates import said_of_gates
from spane.graph.wiring import Edge, Wiring, wire
from spane.model.draft import Draft

_MARGIN, _TITLE = 24.0, 34.0
_GAP, _BETWEEN = 16.0, 64.0
_LOW, _HIGH, _LINE = 34.0, 46.0, 14.0
_LONGEST_NAME = 34

#: Characters that XML cannot carry at all.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_STYLE = """
text{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2937}
.title{font-size:15px;font-weight:600}.id{font-size:13px;font-weight:500}.type{font-size:10.5px;fill:#6b7280}
.box{fill:#fff;stroke:#94a3b8;stroke-width:1.2}.root .box{stroke:#2563eb;fill:#eff6ff}
.end .box{stroke:#059669;fill:#ecfdf5}
.gate{fill:#b45309}
.edge{fill:none;stroke:#94a3b8;stroke-width:1.3}.after{stroke-dasharray:4 4}.back{stroke:#dc2626}
""".strip()

_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path d="M0 0.8 L8 4 L0 7.2 Z" fill="#64748b"/></marker></defs>'
)


def svg(draft: Draft) -> str:
    """Return a draft as SVG text.

    First nodes are blue, last ones green, dashed lines carry no values, red ones close a cycle. What must hold for a
    node to run stands in its box. Names and parameters are in tooltips, in full.
    """
    wiring = wire(draft)
    drawn = _Drawing(wiring)
    width, height = drawn.size(_width(title(draft), 16.0))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">'
    )
    name = _written(title(draft))
    return "\n".join(
        [
            head,
            f"<title>{name}</title>",
            f"<style>{_STYLE}</style>",
            _ARROW,
            '<rect width="100%" height="100%" fill="#fff"/>',
            f'<text class="title" x="{_MARGIN:g}" y="{_MARGIN + 12:g}">{name}</text>',
            *drawn.edges(),
            *drawn.nodes(),
            "</svg>",
            "",
        ]
    )


class _Drawing:
    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        ordered = wiring.order()
        placed = set(ordered)
        self._names = [*ordered, *(node for node in wiring.calls if node not in placed)]
        number = {node: index for index, node in enumerate(self._names)}
        self._edges: list[tuple[Edge, bool]] = []
        pairs: list[tuple[int, int]] = []
        for edges in wiring.incoming.values():
            for edge in edges.values():
                ends = number[edge.source], number[edge.target]
                self._edges.append((edge, ends[0] > ends[1]))
                pairs.append((min(ends), max(ends)))
        self._gates = {
            node: f"if {said}" for node, call in wiring.calls.items() if (said := said_of_gates(call, wiring.calls))
        }
        self._heights = [
            (_HIGH if kind_of(wiring.calls[node]) else _LOW) + (_LINE if node in self._gates else 0)
            for node in self._names
        ]
        self._plan = layout(len(self._names), pairs, self._heights, _GAP)
        self._widths = [_box_width(wiring, node, self._gates.get(node, "")) for node in self._names]
        self._place()

    def _place(self) -> None:
        plan = self._plan
        tops = [plan.y[v] - self._heights[v] / 2 for v in range(plan.real)]
        shift = _MARGIN + _TITLE - min([*tops, *plan.y[plan.real :]], default=0.0)
        plan.y = [y + shift for y in plan.y]
        self._x: list[float] = []
        self._column: list[float] = []
        x = _MARGIN
        for row in plan.rows:
            width = max((self._widths[v] for v in row if v < plan.real), default=0.0)
            self._x.append(x)
            self._column.append(width)
            x += width + _between(plan, row)

    def size(self, least: float) -> tuple[float, float]:
        plan = self._plan
        right = self._x[-1] + self._column[-1] if self._x else 0.0
        bottom = max([plan.y[v] + self._heights[v] / 2 for v in range(plan.real)], default=_MARGIN + _TITLE)
        return max(right, least + _MARGIN) + _MARGIN, max([bottom, *plan.y[plan.real :]]) + _MARGIN

    def nodes(self) -> list[str]:
        return [self._node(vertex, node) for vertex, node in enumerate(self._names)]

    def _node(self, vertex: int, node: str) -> str:
        kind = kind_of(self._wiring.calls[node])
        width, height = self._widths[vertex], self._heights[vertex]
        x, y = self._left(vertex), self._plan.y[vertex] - height / 2
        place = "root" if not self._wiring.incoming[node] else "" if self._wiring.outgoing[node] else "end"
        parts = [
            f'<g class="node {place}"><title>{_written(", ".join(self._titles(node)))}</title>',
            f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="7"/>',
            _label("id", x + width / 2, y + 21, node),
        ]
        if kind:
            parts.append(_label("type", x + width / 2, y + 36, kind))
        if node in self._gates:
            parts.append(_label("type gate", x + width / 2, y + height - 10, self._gates[node]))
        return "".join([*parts, "</g>"])

    def _titles(self, node: str) -> list[str]:
        kind = kind_of(self._wiring.calls[node])
        return [node if not kind else f"{node}: {kind}", *([self._gates[node]] if node in self._gates else [])]

    def edges(self) -> list[str]:
        drawn = []
        for (edge, back), route in zip(self._edges, self._plan.routes, strict=True):
            looks = f"edge{'' if edge.bindings else ' after'}{' back' if back else ''}"
            end = "marker-start" if back else "marker-end"
            label = said(edge, self._wiring)
            whole = f"{edge.source} to {edge.target}{f': {label}' if label else ''}"
            drawn.append(
                f'<path class="{looks}" d="{self._curve(route)}" {end}="url(#arrow)">'
                f"<title>{_written(whole)}</title></path>"
            )
        return drawn

    def _left(self, vertex: int) -> float:
        column = self._plan.layer[vertex]
        return self._x[column] + (self._column[column] - self._widths[vertex]) / 2

    def _curve(self, route: list[int]) -> str:
        """Return a path that leaves and enters boxes levelly and runs level through the columns it passes."""
        first = route[0]
        x, y = self._left(first) + self._widths[first], self._plan.y[first]
        path = [f"M{x:.1f} {y:.1f}"]
        for vertex in route[1:]:
            passes = vertex >= self._plan.real
            column = self._plan.layer[vertex]
            to_x, to_y = (self._x[column] if passes else self._left(vertex)), self._plan.y[vertex]
            # The bend keeps to the space between columns, so that it does not run into wider neighbours.
            start = self._x[column - 1] + self._column[column - 1]
            if start > x:
                path.append(f"H{start:.1f}")
                x = start
            bend = (self._x[column] - start) / 2
            path.append(
                f"C{x + bend:.1f} {y:.1f} {self._x[column] - bend:.1f} {to_y:.1f} {self._x[column]:.1f} {to_y:.1f}"
            )
            x, y = self._x[column], to_y
            if passes:
                x += self._column[column]
                path.append(f"H{x:.1f}")
            elif to_x > x:
                path.append(f"H{to_x:.1f}")
        return " ".join(path)


def _label(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{_written(_shortened(text))}</text>'


def _between(plan: Layout, row: list[int]) -> float:
    """Return the space after a column: the more its edges climb, the wider, so that they do not turn steep."""
    climbs = [abs(plan.y[after] - plan.y[v]) for v in row for after in plan.right[v]]
    return _BETWEEN + min(max(climbs, default=0.0) / 6, 160.0)


def _box_width(wiring: Wiring, node: str, gates: str) -> float:
    kind = kind_of(wiring.calls[node])
    widest = max(_width(_shortened(node), 13.0), _width(_shortened(kind), 10.5), _width(_shortened(gates), 10.5))
    return max(widest + 24.0, 72.0)


def _width(text: str, size: float) -> float:
    """Return about how wide text of this size is, in a font as wide as any of those asked for."""
    return size * sum(_letter(one) for one in text)


def _letter(one: str) -> float:
    if unicodedata.east_asian_width(one) in "WF":
        return 1.0
    if one in "ijlI.,:;'|!()[] ":
        return 0.38
    return 0.93 if one in "mwMW@%" else 0.74 if one.isupper() else 0.63


def _shortened(text: str) -> str:
    half = _LONGEST_NAME // 2
    return text if len(text) <= _LONGEST_NAME else f"{text[:half]}…{text[-half:]}"


def _written(text: str) -> str:
    """Return text as XML, with a replacement character for what XML cannot carry."""
    return escape(_UNWRITABLE.sub("\ufffd", text))
