"""Shapes of small plans, with delays, retries, priorities, queues and continue-on-failure strewn over them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import msgspec

from spane.model.plan import Output, Plan, PlanNode, RetryPolicy

#: How many of a node's tries fail, whether it kills its worker, and whether it needs newer code than some have.
_BEHAVIOURS = tuple(
    msgspec.Raw(b'{"fails":%d,"kills":%s,"newer":%s}' % behaviour)
    for behaviour, weight in (
        ((0, b"false", b"false"), 15),
        ((1, b"false", b"false"), 5),
        ((9, b"false", b"false"), 3),
        ((0, b"true", b"false"), 1),
        ((0, b"false", b"true"), 1),
    )
    for _ in range(weight)
)

Edges = Mapping[str, tuple[str, ...]]


def _chain(rng: random.Random) -> Edges:
    length = rng.randrange(2, 6)
    return {f"n{i}": (f"n{i - 1}",) if i else () for i in range(length)}


def _diamond(rng: random.Random) -> Edges:
    del rng
    return {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("d",)}


def _fan(rng: random.Random) -> Edges:
    width = rng.randrange(3, 9)
    middle = {f"m{i}": ("a",) for i in range(width)}
    return {"a": (), **middle, "z": tuple(middle)}


def _layered(rng: random.Random) -> Edges:
    edges: dict[str, tuple[str, ...]] = {}
    above: tuple[str, ...] = ()
    for layer in range(3):
        names = tuple(f"l{layer}_{i}" for i in range(rng.randrange(2, 5)))
        edges |= dict.fromkeys(names, above)
        above = names
    return edges


def _tangle(rng: random.Random) -> Edges:
    names = [f"t{i}" for i in range(rng.randrange(4, 9))]
    return {name: tuple(parent for parent in names[:i] if rng.random() < 0.4) for i, name in enumerate(names)}


def _roots(rng: random.Random) -> Edges:
    return {**{f"r{i}": () for i in range(rng.randrange(4, 8))}, "end": ("r0", "r3")}


def _plan(edges: Edges, rng: random.Random, workflow: str) -> Plan:
    nodes = []
    for name, parents in edges.items():
        after = parents[-1:] if len(parents) > 1 and rng.random() < 0.15 else ()
        data = tuple(parent for parent in parents if parent not in after)
        nodes.append(
            PlanNode(
                id=name,
                type=name,
                arguments=tuple((parent, Output(parent)) for parent in data),
                parents=data,
                after=after,
                queue="side" if rng.random() < 0.15 else "default",
                is_async=rng.random() < 0.2,
                priority=rng.choice((None, None, None, 3, 8)),
                delay_ms=rng.choice((0, 0, 0, 0, 0, 0, 0, 700)),
                retry=RetryPolicy(attempts=rng.choice((1, 2, 3)), backoff="fixed", base_s=0.3),
                on_failure="continue" if rng.random() < 0.3 else "fail",
                config=rng.choice(_BEHAVIOURS),
            )
        )
    return Plan(workflow, tuple(nodes))


def _made(edges_of: Callable[[random.Random], Edges]) -> Callable[[random.Random, str], Plan]:
    return lambda rng, workflow: _plan(edges_of(rng), rng, workflow)


#: `shape(rng, workflow) -> Plan`. A node's config says how it behaves.
SHAPES: dict[str, Callable[[random.Random, str], Plan]] = {
    "chain": _made(_chain),
    "diamond": _made(_diamond),
    "fan": _made(_fan),
    "layered": _made(_layered),
    "tangle": _made(_tangle),
    "roots": _made(_roots),
}
