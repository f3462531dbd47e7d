"""A draft as a tree of text.

    census(folder)
    walk
    ├─ lines
    │  ↓ report (below)
    └─ sizes
       ↓ report (takes lines, sizes)

An only child goes on under its parent without indentation. A node with several parents stands under the last of
them and is pointed to from the others, so every node has one place and the text grows with the edges.
"""

from __future__ import annotations

from spane.graph.gates import said_of_gates
from spane.graph.spelling import listing
from spane.graph.wiring import Wiring, wire
from spane.model.draft import Call, Draft

#: Branches nest no deeper than this; what is deeper begins a tree of its own below.
_DEEPEST = 20


def text(draft: Draft) -> str:
    """Return a draft as a tree for terminals, one line for each node and each further edge."""
    return "\n".join(map(_printable, [title(draft), *_grown(draft).lines])) + "\n"


def rows(draft: Draft) -> list[tuple[str, str]]:
    """Return the tree without its further edges: each node once, with the branch that leads to it."""
    return [(_printable(branch), node) for branch, node in _grown(draft).rows]


def _grown(draft: Draft) -> _Tree:
    wiring = wire(draft)
    tree = _Tree(wiring)
    for root in wiring.roots():
        tree.grow(root)
    for node in wiring.calls:  # only nodes on or behind a cycle are left
        if node not in tree.drawn:
            tree.grow(node)
    return tree


def _printable(line: str) -> str:
    """Replace what would steer a terminal; such ids are faults, but a fault is no reason to obey them."""
    return line if line.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in line)


def title(draft: Draft) -> str:
    """Return the workflow's name with its inputs, like a signature."""
    given = ", ".join(parameter.name for parameter in draft.inputs)
    return f"{draft.workflow}({given})" if given else draft.workflow


def kind_of(call: Call) -> str:
    """Return what is said of a node beside its id: its type where it is another word, the workflow that it runs, and that it is a map."""
    kind = "" if call.kind == call.id else call.kind
    return kind if call.each is None else f"map of {kind}" if kind else "map"


class _Tree:
    def __init__(self, wiring: Wiring) -> None:
        self.lines: list[str] = []
        self.rows: list[tuple[str, str]] = []
        self.drawn: set[str] = set()
        self._wiring = wiring
        self._waiting = {node: len(edges) for node, edges in wiring.incoming.items()}

    def grow(self, root: str) -> None:
        """Draw everything under a root, branches too deep as trees of their own."""
        trees = [root]
        for start in trees:
            self._grow(start, trees, goes_on=start is not root)

    def _grow(self, root: str, trees: list[str], *, goes_on: bool) -> None:
        if goes_on:
            self.lines.append(f"... goes on with {root}")
        # Lines to come: (text before the branch, text before its children's, node, depth, whether it is the root).
        pending = [("", "", root, 0, True)]
        while pending:
            before, under, node, depth, is_root = pending.pop()
            if not is_root:
                self._waiting[node] -= 1
            if node in self.drawn:
                self.lines.append(f"{before}{node} (above)")
            elif self._waiting[node] > 0 and not is_root:
                self.lines.append(f"{before}{node} (below)")
            elif depth >= _DEEPEST:
                self.lines.append(f"{before}{node} (goes on below)")
                trees.append(node)
            else:
                self._draw(before, node)
                pending.extend(self._branches(node, under, depth))

    def _draw(self, before: str, node: str) -> None:
        self.drawn.add(node)
        self.rows.append((before, node))
        call = self._wiring.calls[node]
        kind = f": {said}" if (said := kind_of(call)) else ""
        self.lines.append(f"{before}{node}{kind}{self._parents(node)}")

    def _branches(self, node: str, under: str, depth: int) -> list[tuple[str, str, str, int, bool]]:
        """Return the branches of a node, the last one first, as a stack wants them."""
        children = self._wiring.outgoing[node]
        if len(children) == 1:
            return [(f"{under}↓ ", under, children[0], depth, False)]
        last = len(children) - 1
        return [
            (
                f"{under}{'└─ ' if i == last else '├─ '}",
                f"{under}{'   ' if i == last else '│  '}",
                child,
                depth + 1,
                False,
            )
            for i, child in reversed(list(enumerate(children)))
        ]

    def _parents(self, node: str) -> str:
        edges = self._wiring.incoming[node].values()
        takes = [edge.source for edge in edges if edge.bindings]
        after = [edge.source for edge in edges if edge.after and not edge.bindings]
        said = []
        if len(edges) > 1 and takes:
            said.append(f"takes {listing(takes, 4)}")
        if after:
            said.append(f"after {listing(after, 4)}")
        if gates := said_of_gates(self._wiring.calls[node], self._wiring.calls):
            said.append(f"if {gates}")
        return f" ({', '.join(said)})" if said else ""
