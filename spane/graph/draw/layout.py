"""Layered layout of a graph, left to right, after Sugiyama, Tagawa and Toda (1981).

1. Layers by longest path from the roots; roots move up to their nearest child.
2. Edges over several layers pass through stand-ins, one in each layer between.
3. Layers are ordered by sweeps of barycentres, and the order with the fewest crossings is kept.
4. Heights: every vertex goes to the mean of its neighbours, as near as order and distances allow.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

#: More stand-ins than this are not worth their time; longer edges are then drawn straight across.
_MOST_STAND_INS = 20_000
_ORDER_SWEEPS = 12
_HEIGHT_SWEEPS = 17  # odd, so that the last one goes right and single children end up level with their parents


@dataclass(slots=True)
class Layout:
    """Where vertices stand. Vertices below `real` are those given, the others stand in for edges that pass.

    `layer` and `y` (the middle) are by vertex; `routes` are the vertices that each edge passes, ends included.
    """

    real: int
    layer: list[int]
    y: list[float] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    routes: list[list[int]] = field(default_factory=list)
    left: list[list[int]] = field(default_factory=list)
    right: list[list[int]] = field(default_factory=list)


def layout(count: int, edges: Sequence[tuple[int, int]], heights: Sequence[float], gap: float) -> Layout:
    """Place `count` vertices; every edge must go from a lower to a higher number (topological order)."""
    plan = Layout(count, _layers(count, edges))
    _route(plan, edges)
    plan.rows = [[] for _ in range(max(plan.layer, default=-1) + 1)]
    for vertex, layer in enumerate(plan.layer):
        plan.rows[layer].append(vertex)
    _order(plan)
    sizes = [*heights, *[gap / 2] * (len(plan.layer) - count)]
    _raise(plan, sizes, gap)
    return plan


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    layer = [0] * count
    rooted = [True] * count
    nearest = [count] * count
    for source, target in sorted(edges):
        layer[target] = max(layer[target], layer[source] + 1)
        rooted[target] = False
    for source, target in edges:
        nearest[source] = min(nearest[source], layer[target])
    return [max(nearest[v] - 1, 0) if rooted[v] and nearest[v] < count else layer[v] for v in range(count)]


def _route(plan: Layout, edges: Sequence[tuple[int, int]]) -> None:
    spans = sum(plan.layer[target] - plan.layer[source] - 1 for source, target in edges)
    for source, target in edges:
        route = [source]
        if spans <= _MOST_STAND_INS:
            for layer in range(plan.layer[source] + 1, plan.layer[target]):
                route.append(len(plan.layer))
                plan.layer.append(layer)
        route.append(target)
        plan.routes.append(route)
    plan.left = [[] for _ in plan.layer]
    plan.right = [[] for _ in plan.layer]
    for route in plan.routes:
        for before, after in pairwise(route):
            plan.right[before].append(after)
            plan.left[after].append(before)


def _order(plan: Layout) -> None:
    place = [0.0] * len(plan.layer)
    for row in plan.rows:
        row.sort(key=lambda vertex: _alone(plan, vertex))
        _number(row, place)
    best, fewest = [row[:] for row in plan.rows], _crossings(plan, place)
    for sweep in range(_ORDER_SWEEPS):
        if fewest == 0:
            break
        rightwards = sweep % 2 == 0
        for row in plan.rows if rightwards else reversed(plan.rows):
            neighbours = plan.left if rightwards else plan.right
            wished = {v: _mean([place[n] for n in neighbours[v]], place[v]) for v in row}
            wished |= {v: float(len(plan.layer)) for v in row if _alone(plan, v)}
            row.sort(key=wished.__getitem__)
            _number(row, place)
        crossings = _crossings(plan, place)
        if crossings < fewest:
            best, fewest = [row[:] for row in plan.rows], crossings
    plan.rows = best


def _alone(plan: Layout, vertex: int) -> bool:
    return not plan.left[vertex] and not plan.right[vertex]


def _number(row: list[int], place: list[float]) -> None:
    for index, vertex in enumerate(row):
        place[vertex] = index


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(plan: Layout, place: list[float]) -> int:
    """Count pairs of edges that cross between neighbouring layers."""
    total = 0
    for row in plan.rows:
        passed: list[float] = []
        for vertex in sorted(row, key=place.__getitem__):
            ends = sorted(place[target] for target in plan.right[vertex])
            total += sum(len(passed) - bisect_left(passed, end + 0.5) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _raise(plan: Layout, sizes: list[float], gap: float) -> None:
    plan.y = [0.0] * len(plan.layer)
    offsets = []
    for row in plan.rows:
        offset, offsets_here = 0.0, []
        for before, vertex in zip([None, *row], row, strict=False):
            offset += 0.0 if before is None else (sizes[before] + sizes[vertex]) / 2 + gap
            offsets_here.append(offset)
        offsets.append(offsets_here)
        for vertex, at in zip(row, offsets_here, strict=True):
            plan.y[vertex] = at - offset / 2
    weights = [_weight(plan, vertex) for vertex in range(len(plan.layer))]
    for sweep in range(_HEIGHT_SWEEPS):
        rightwards = sweep % 2 == 0
        order = range(len(plan.rows)) if rightwards else range(len(plan.rows) - 1, -1, -1)
        for index in order:
            row = plan.rows[index]
            wished = [_wish(plan, vertex, rightwards=rightwards, last=sweep >= _HEIGHT_SWEEPS - 2) for vertex in row]
            for vertex, y in zip(row, _spread(wished, offsets[index], [weights[v] for v in row]), strict=True):
                plan.y[vertex] = y


def _weight(plan: Layout, vertex: int) -> float:
    """Return how hard a vertex pulls: stand-ins more, so that long edges run straight, and lone vertices not at all."""
    if _alone(plan, vertex):
        return 1e-9
    return 1.0 if vertex < plan.real else 4.0


def _wish(plan: Layout, vertex: int, *, rightwards: bool, last: bool) -> float:
    left, right = plan.left[vertex], plan.right[vertex]
    if _alone(plan, vertex):
        return -float(len(plan.layer)) * 1_000  # as high as the others in its layer let it
    neighbours = [*left, *right] if last else left if rightwards else right
    return _mean([plan.y[n] for n in neighbours or [*left, *right]], plan.y[vertex])


def _spread(wished: list[float], offsets: list[float], weights: list[float]) -> list[float]:
    """Return the heights nearest to those wished that keep their distances (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []
    for wish, offset, weight in zip(wished, offsets, weights, strict=True):
        mean, heavy, count = wish - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, other_heavy, other_count = blocks.pop()
            mean = (mean * heavy + other * other_heavy) / (heavy + other_heavy)
            heavy += other_heavy
            count += other_count
        blocks.append((mean, heavy, count))
    levels = [mean for mean, _, count in blocks for _ in range(count)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]
