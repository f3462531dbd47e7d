"""Shapes of small plans, with delays, retries, waits, priorities, queues and continue-on-failure strewn over them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

import msgspec

from spane.model import items
from spane.model.expressions import Output
from spane.model.plan import FAILED, ON_FAILURE, UNDO, Gate, Plan, PlanNode
from spane.model.rules import BreakerRule, Each, RetryPolicy
from spane.model.waits import WAIT_FOR_EVENT
from tests.property.limits import OF_CHILDREN, strewn

#: How many of a node's tries fail, whether it kills its worker, needs newer code than some have, and skips itself.
_BEHAVIOURS = tuple(
    dict(zip(("fails", "kills", "newer", "skips"), behaviour, strict=True))
    for behaviour, weight in (
        ((0, False, False, False), 30),
        ((1, False, False, False), 14),
        ((9, False, False, False), 10),
        ((0, True, False, False), 2),
        ((1, True, False, False), 6),
        ((0, False, True, False), 2),
        ((0, False, False, True), 3),
    )
    for _ in range(weight)
)

#: Shared by all nodes that have one.
BREAKER = BreakerRule("b", failures=1, successes=2, timeout_ms=1_500, window_ms=5_000, when_open="wait")

#: The type of steps that undo what a node ran.
TAKES_BACK = "takes back"

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


def _maps(rng: random.Random, workflow: str) -> Plan:
    """A map over what one node gives, whose items take what another gives as well; its list feeds a second map."""
    plan = _plan({"a": (), "b": (), "m": ("a", "b"), "n": ("m",), "z": ("n", "b")}, rng, workflow)
    return msgspec.structs.replace(plan, nodes=tuple(_mapped(node, rng) for node in plan.nodes))


def _mapped(node: PlanNode, rng: random.Random) -> PlanNode:
    if node.id not in ("m", "n") or not node.arguments or node.waits:
        return node
    each = Each(node.arguments[0][0], rng.choice((None, 1, 2, 4)), rng.choice(("fail", "fail", "collect", "skip")))
    config = json.loads(bytes(node.config)) | {"items": rng.choice((0, 1, 2, 5, 8))}
    return msgspec.structs.replace(node, each=each, config=msgspec.Raw(json.dumps(config).encode()))


def _plan(edges: Edges, rng: random.Random, workflow: str) -> Plan:
    nodes = []
    for name, parents in edges.items():
        after = parents[-1:] if len(parents) > 1 and rng.random() < 0.15 else ()
        data = tuple(parent for parent in parents if parent not in after)
        gates = tuple(Gate(parent, f"b{parent}") for parent in parents if rng.random() < 0.15)
        if gates and rng.random() < 0.3:
            data = tuple(parent for parent in data if parent not in {gate.node for gate in gates})
        nodes.append(
            PlanNode(
                id=name,
                type=name,
                arguments=tuple((parent, Output(parent)) for parent in data),
                parents=data,
                after=after,
                gates=gates,
                queue="side" if rng.random() < 0.15 else "default",
                is_async=rng.random() < 0.2,
                priority=rng.choice((None, None, None, 3, 8)),
                delay_ms=rng.choice((0, 0, 0, 0, 0, 0, 0, 700)),
                retry=RetryPolicy(attempts=rng.choice((1, 2, 3)), backoff="fixed", base_s=0.3),
                on_failure="continue" if rng.random() < 0.3 else "fail",
                config=_config(rng, f"b{name}"),
                breaker=_breaker(rng, name),
            )
        )
    waiting = tuple(_waiting(node, rng) if rng.random() < 0.15 else node for node in nodes)
    deadline_ms = rng.choice((None, None, None, None, None, None, None, 3_000))
    return strewn(Plan(workflow, waiting, deadline_ms=deadline_ms), rng)


#: Plans that nodes of other plans run as child executions, by their hashes.
KIDS: dict[str, Plan] = {}


def below(plan: Plan) -> list[Plan]:
    """Return the plans that a plan calls, and that those call, each before the one that calls it."""
    return [each for kid in plan.kids for each in (*below(KIDS[kid]), KIDS[kid])]


_NESTED: Edges = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("b",)}


def _nested(rng: random.Random, workflow: str) -> Plan:
    """A plan of which some nodes run a chain, whose last node may run another one."""
    lowest = _chained(rng, f"{workflow}-low", None)
    kid = _chained(rng, f"{workflow}-kid", lowest if rng.random() < 0.4 else None)
    plan = _plan(_NESTED, rng, workflow)
    callers = rng.sample(("a", "b", "c", "d"), rng.randrange(1, 4))
    return msgspec.structs.replace(
        plan, nodes=tuple(_calling(node, kid) if node.id in callers else node for node in plan.nodes)
    )


def _undone_nested(rng: random.Random, workflow: str) -> Plan:
    """The same, with something to undo at every level, several rounds of some children, and a map of others."""
    lowest = _chained(rng, f"{workflow}-low", None, undone=True)
    kid = _chained(rng, f"{workflow}-kid", lowest if rng.random() < 0.4 else None, undone=True)
    plan = _plan(_NESTED, rng, workflow)
    callers = rng.sample(("a", "b", "c", "d"), rng.randrange(1, 4))
    nodes = []
    for node in plan.nodes:
        made = _calling(node, kid, rounds=rng.choice((1, 1, 2, 3))) if node.id in callers else node
        if made.child is not None and made.arguments and rng.random() < 0.3:
            config = json.loads(bytes(made.config)) | {"items": rng.choice((1, 2, 3)), "rounds": 1}
            each = Each(made.arguments[0][0], rng.choice((None, 1, 2)), rng.choice(("fail", "collect", "skip")))
            made = msgspec.structs.replace(made, each=each, config=msgspec.Raw(json.dumps(config).encode()))
        nodes.append(made)
    return _with_steps(msgspec.structs.replace(plan, nodes=tuple(nodes)), rng)


def _chained(rng: random.Random, workflow: str, kid: Plan | None, *, undone: bool = False) -> Plan:
    names = [f"k{number}" for number in range(rng.randrange(1, 4))]
    nodes = [
        PlanNode(
            id=name,
            type=name,
            arguments=tuple((parent, Output(parent)) for parent in names[max(0, at - 1) : at]),
            parents=tuple(names[max(0, at - 1) : at]),
            delay_ms=rng.choice((0, 0, 0, 700)),
            retry=RetryPolicy(attempts=rng.choice((1, 2, 3)), backoff="fixed", base_s=0.3),
            config=_config(rng, f"b{name}"),
        )
        for at, name in enumerate(names)
    ]
    if kid is not None:
        nodes[-1] = _calling(nodes[-1], kid)
    own = _own(rng, workflow)
    plan = Plan(workflow, tuple(nodes), limit=OF_CHILDREN if own.random() < 0.3 else None)
    if undone:
        plan = _with_steps(plan, rng)
    KIDS[plan.hash] = plan
    return plan


def _calling(node: PlanNode, kid: Plan, rounds: int = 1) -> PlanNode:
    config = {
        "rounds": rounds,
        "fails": 0,
        "kills": False,
        "newer": False,
        "skips": False,
        "opens": json.loads(bytes(node.config))["opens"],
    }
    raw = msgspec.Raw(json.dumps(config).encode())
    return msgspec.structs.replace(node, type="calls", waits=True, child=kid.hash, limit=None, config=raw)


def _waiting(node: PlanNode, rng: random.Random) -> PlanNode:
    """Return a node that waits for an event instead, half of them for a time at most."""
    config = {
        "fails": 0,
        "kills": False,
        "newer": False,
        "skips": False,
        "opens": json.loads(bytes(node.config))["opens"],
    }
    config |= {"event": rng.choice(("said", "shouted")), "within_ms": rng.choice((None, 300, 4_000))}
    config["or_null"] = rng.random() < 0.5
    raw = msgspec.Raw(json.dumps(config).encode())
    return msgspec.structs.replace(node, type=WAIT_FOR_EVENT, waits=True, config=raw, breaker=None)


def _breaker(rng: random.Random, name: str) -> BreakerRule | None:
    """Put the one breaker before some nodes."""
    return BREAKER if _own(rng, name).random() < 0.35 else None


def _own(rng: random.Random, name: str) -> random.Random:
    """Return a generator of its own, without drawing from the given one: what else a seed says stays."""
    return random.Random(f"{rng.getstate()[1][:8]}/{rng.getstate()[1][-1]}/{name}")


def _with_steps(plan: Plan, rng: random.Random) -> Plan:
    """Return a plan in which most nodes have an undo, some are skipped when they fail, and failures are heard of."""
    nodes = []
    for node in plan.nodes:
        skips = node.on_failure == "continue" and rng.random() < 0.5
        undone = node.id if node.each is None else f"{node.id}{items.MARK}"
        undo = _step(rng, f"{undone}{UNDO}", undone) if rng.random() < 0.7 else None
        if node.child is not None:
            undo = _taking_back(undone) if KIDS[node.child].undoes else None
        elif undo is not None and node.each is not None:
            own = (("own", items.OWN), *undo.arguments)
            undo = msgspec.structs.replace(undo, arguments=own, parents=(items.MARK, *undo.parents))
        nodes.append(msgspec.structs.replace(node, undo=undo, on_failure="skip" if skips else node.on_failure))
    handler = _step(rng, f"tell{ON_FAILURE}", FAILED) if rng.random() < 0.5 else None
    return msgspec.structs.replace(plan, nodes=tuple(nodes), handler=handler)


def _taking_back(undone: str) -> PlanNode:
    """Return the step that has what a node ran undo what it did."""
    config = {"fails": 0, "kills": False, "newer": False, "skips": False, "opens": []}
    raw = msgspec.Raw(json.dumps(config).encode())
    return PlanNode(f"{undone}{UNDO}", TAKES_BACK, waits=True, on_failure="continue", config=raw)


def _step(rng: random.Random, name: str, fed_by: str) -> PlanNode:
    return PlanNode(
        id=name,
        type=name,
        arguments=(("output", Output(fed_by)),),
        parents=(fed_by,),
        queue="side" if rng.random() < 0.15 else "default",
        is_async=rng.random() < 0.2,
        retry=RetryPolicy(attempts=rng.choice((1, 2, 3)), backoff="fixed", base_s=0.3),
        on_failure="continue",
        config=_config(rng, name),
    )


def _config(rng: random.Random, branch: str) -> msgspec.Raw:
    opens = [branch] if rng.random() < 0.6 else []
    return msgspec.Raw(json.dumps({**rng.choice(_BEHAVIOURS), "opens": opens}).encode())


def _undone(edges_of: Callable[[random.Random], Edges]) -> Callable[[random.Random, str], Plan]:
    return lambda rng, workflow: _with_steps(_plan(edges_of(rng), rng, workflow), rng)


def _made(edges_of: Callable[[random.Random], Edges]) -> Callable[[random.Random, str], Plan]:
    return lambda rng, workflow: _plan(edges_of(rng), rng, workflow)


def _crowded(rng: random.Random, workflow: str) -> Plan:
    """Return a plan of nodes that come at once and are limited, most of them."""
    return strewn(_plan({f"r{i}": () for i in range(rng.randrange(4, 9))}, rng, workflow), rng, share=0.9)


#: The shape of plans whose nodes have limits, most of them.
CROWDED = "crowded"
#: `shape(rng, workflow) -> Plan`. A node's config says how it behaves.
SHAPES: dict[str, Callable[[random.Random, str], Plan]] = {
    "chain": _made(_chain),
    "diamond": _made(_diamond),
    "fan": _made(_fan),
    "layered": _made(_layered),
    "tangle": _made(_tangle),
    "roots": _made(_roots),
    CROWDED: _crowded,
    "maps": _maps,
    "nested": _nested,
    "undone chain": _undone(_chain),
    "undone tangle": _undone(_tangle),
    "undone nested": _undone_nested,
    "undone maps": lambda rng, workflow: _with_steps(_maps(rng, workflow), rng),
}
