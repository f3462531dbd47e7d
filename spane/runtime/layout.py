"""How a plan stands in Redis: small fields, so that a transition reads only what concerns its node.

    p:<node>    profile `page;type;queue;priority;flags;fields`: what a claim needs
    c:<node>    targets released when the node ends, in chunks c:<node>, c:<node>:1, ...; `u;` first where it has an undo,
                and nothing else for the items of a map, c:<map>#
    m:<group>   members of a join group, chunked alike
    roots       targets released at the start, chunked alike
    s:<page>    the full text of up to 64 nodes, for workers
    deadline    how long after its beginning an execution fails, in ms, if it has a deadline
    e:<event>   the nodes that wait for an event
    l:<node>    the rule of its type's limit (lua/include/limit.lua)
    limits      all such rules, and that of the workflow, `type=rule|@workflow=rule`
    handler     the step that hears of a failure, where there is one; it has a page to itself
    head        workflow, inputs, returns and terminal nodes, for clients
    queue       the queue of the first entry node (whose worker a delayed start wakes)
    kids        hashes of the plans that its nodes run as sub-workflows, comma-separated; only where there are any
    total       number of nodes; written last, so a plan with it is whole

A target is `node,queue,priority,delay_ms,how;` or a join `@group:need:data:bit:how;`; lua/include/release.lua says what
`how` is. Children that wait for the same nodes in the same way share a join group, so a layered graph costs one bit per
(layer, parent) and not one per edge; below a node that may route, each child decides for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import msgspec

from spane.model import items
from spane.model.expressions import Source
from spane.model.plan import UNDO, Plan, PlanInput, PlanNode
from spane.model.rules import LimitRule
from spane.model.waits import event_of

#: Targets in one chunk; together with one join group's first chunk a transition stays near 500 children.
CHUNK = 500
PAGE = 64
#: A claim carries the outputs of at most this many parents; above that the worker reads them itself.
CARRIED_PARENTS = 500
ASYNC_SUFFIX = "~"
#: Flags of a node's state (lua/include/state.lua): nobody has worked out the key of its limit yet; it waited for its limit,
#: and has a slot now; a worker died with it.
UNSORTED, HANDED, SUSPECT = "y", "h", "s"
#: What stands behind the queue of a node by its flag (lua/include/queue.lua); of any other flag, `ALONE_SUFFIX`.
SUFFIXES = {"": "", UNSORTED: "?", HANDED: "+", SUSPECT: "!"}
ALONE_SUFFIX = "!!"

T = TypeVar("T")


class PlanPage(msgspec.Struct, frozen=True):
    """Some nodes of a plan with all that a worker needs."""

    workflow: str
    nodes: tuple[PlanNode, ...]

    @property
    def by_id(self) -> Mapping[str, PlanNode]:
        """The nodes and their undos by their ids."""
        undos = {node.undo.id: node.undo for node in self.nodes if node.undo is not None}
        return {node.id: node for node in self.nodes} | undos


class PlanHead(msgspec.Struct, frozen=True):
    """What a client needs of a plan without its nodes."""

    workflow: str
    inputs: tuple[PlanInput, ...]
    returns: Source | None
    terminals: tuple[str, ...]
    pages: int
    events: tuple[str, ...] = ()
    limit: LimitRule | None = None


def queue_of(node: PlanNode) -> str:
    """Return the list a node queues in: its queue, marked when it runs on the event loop."""
    return node.queue + ASYNC_SUFFIX if node.is_async and node.each is None else node.queue


def merged_fields(node: PlanNode) -> tuple[str, ...]:
    """Return the fields of `o:<execution>` that are merged for a node, in order."""
    inputs = ("@in",) if node.takes_input else ()
    came = (came_field(node.id),) if node.waits else ()
    return (*node.parents, *inputs, *came)


def came_field(node: str) -> str:
    """Return the field of `o:<execution>` that holds what a node waited for."""
    return f"@w:{node}"


def route_field(node: str) -> str:
    """Return the field of `o:<execution>` that holds whom a router chose, `,a,b,`; absent where it chose all."""
    return f"@r:{node}"


def fields_of(plan: Plan, *, chunk: int = CHUNK) -> Iterator[tuple[str, str | bytes]]:
    """Yield every field of the stored plan, `chunk` targets to a field; `total` comes last."""
    pages = [plan.nodes[first : first + PAGE] for first in range(0, len(plan.nodes), PAGE)]
    for number, page in enumerate(pages):
        yield f"s:{number}", msgspec.json.encode(PlanPage(plan.workflow, page))
    for index, node in enumerate(plan.nodes):
        for part, flags in items.parts_of(node):
            yield from _claimed(part, index // PAGE, flags)
        if node.undo is not None:
            yield from _claimed(node.undo, index // PAGE)
    if plan.handler is not None:
        yield f"s:{len(pages)}", msgspec.json.encode(PlanPage(plan.workflow, (plan.handler,)))
        yield from _claimed(plan.handler, len(pages))
        yield "handler", plan.handler.id
    yield from _targets(plan, chunk)
    if plan.deadline_ms is not None:
        yield "deadline", str(plan.deadline_ms)
    events = _events(plan)
    yield from ((f"e:{event}", ",".join(nodes)) for event, nodes in events.items())
    head = PlanHead(plan.workflow, plan.inputs, plan.returns, plan.terminals(), len(pages), tuple(events), plan.limit)
    yield "head", msgspec.json.encode(head)
    roots = [node for node in plan.nodes if not node.awaited]
    yield "queue", queue_of(roots[0])
    if plan.kids:
        yield "kids", ",".join(plan.kids)
    if limits := rules_of(plan):
        yield "limits", limits
    yield "total", str(len(plan.nodes))


def _events(plan: Plan) -> dict[str, list[str]]:
    """Return the events that nodes of a plan wait for, and which nodes those are."""
    events: dict[str, list[str]] = {}
    for node in plan.nodes:
        event = event_of(node) if node.waits else None
        if event is not None:
            events.setdefault(event, []).append(node.id)
    return events


def _claimed(node: PlanNode, page: int, flags: str = "") -> Iterator[tuple[str, str]]:
    """Yield what a claim needs of a node or step."""
    yield f"p:{node.id}", _profile(node, page, flags)
    if node.limit is not None:
        yield f"l:{node.id}", _rule(node.limit, queue_of(node))


_POLICIES = {"fail": "", "continue": "k", "skip": "s"}


def _profile(node: PlanNode, page: int, flags: str) -> str:
    fields = merged_fields(node)
    flags += _POLICIES[node.on_failure] + ("b" if len(fields) > CARRIED_PARENTS else "")
    flags += "" if node.limit is None else "l" if node.limit.key is None else "y"
    carried = "" if "b" in flags else ",".join(fields)
    return f"{page};{node.type};{queue_of(node)};{node.priority or ''};{flags};{carried}"


def rules_of(plan: Plan) -> str:
    """Return the rules of all limits in a plan as a start takes them over; of two for one type, the last."""
    rules = {
        node.type: _rule(node.limit, queue_of(node)) for node in (*plan.nodes, *plan.steps) if node.limit is not None
    }
    if plan.limit is not None:
        rules[f"@{plan.workflow}"] = _rule(plan.limit, queue_of(plan.nodes[0]))
    return "|".join(f"{name}={rule}" for name, rule in rules.items())


def _rule(limit: LimitRule, queue: str) -> str:
    period = limit.period_ms if limit.rate is not None else ""
    keyed = "" if limit.key is None else "y"
    return f"{limit.concurrency or ''};{limit.rate or ''};{period};{limit.burst or ''};{keyed};{queue}"


def _target(node: PlanNode, how: str = "d") -> str:
    lane = queue_of(node)
    if node.each is None and node.limit is not None and node.limit.key is not None:
        lane += SUFFIXES[UNSORTED]
    return f"{node.id},{lane},{node.priority or ''},{node.delay_ms},{how};"


def _ways(node: PlanNode) -> dict[str, str]:
    """Return in what way a node waits for each other: it is fed by it (d), comes after it (a), or only has gates of it (g).

    What is always fed by something else is not skipped for its parents, so it only comes after them.
    """
    ways = dict.fromkeys(node.awaited, "g")
    ways |= dict.fromkeys(node.after, "a")
    ways |= dict.fromkeys(node.parents, "a" if node.always_fed else "d")
    for gate in node.gates:
        ways[gate.node] += f"+{gate.branch}"
    return ways


@dataclass(frozen=True, slots=True)
class _Join:
    """What children share that may be released together: whom they wait for, in which way, and for whom alone."""

    parents: tuple[tuple[str, str], ...]
    alone: str = ""

    @property
    def data(self) -> int:
        """How many of the parents feed the children."""
        return sum(how.startswith("d") for _, how in self.parents)


def _targets(plan: Plan, chunk: int) -> Iterator[tuple[str, str]]:
    """Yield the fields roots, c: and m: with their chunks."""
    routers = {node.id for node in plan.nodes if node.routes is not None}
    # What begins with this has an undo, children or not. What runs a workflow is undone once that has completed, whatever
    # becomes of the node (lua/include/finish.lua).
    undoable = (node.undo.id.removesuffix(UNDO) for node in plan.nodes if node.undo is not None and node.child is None)
    children: dict[str, list[str]] = {node: ["u;"] for node in undoable}
    joins: dict[_Join, list[str]] = {}
    roots: list[str] = []
    for node in plan.nodes:
        ways = _ways(node)
        if not ways:
            roots.append(_target(node))
        elif len(ways) == 1:
            [(parent, how)] = ways.items()
            children.setdefault(parent, []).append(_target(node, how))
        else:
            join = _Join(tuple(sorted(ways.items())), "" if routers.isdisjoint(ways) else node.id)
            joins.setdefault(join, []).append(_target(node))
    bit = 0
    for number, (join, members) in enumerate(joins.items()):
        yield from _chunks(f"m:{number}", members, chunk)
        counts = f"{len(join.parents)}:{join.data}"
        for parent, how in join.parents:
            children.setdefault(parent, []).append(f"@{number}:{counts}:{bit}:{how};")
            bit += 1
    for parent, targets in children.items():
        yield from _chunks(f"c:{parent}", targets, chunk)
    yield from _chunks("roots", roots, chunk)


def _chunks(field: str, targets: list[str], chunk: int) -> Iterator[tuple[str, str]]:
    for number, first in enumerate(range(0, len(targets), chunk)):
        more = "+" if first + chunk < len(targets) else ""
        yield (f"{field}:{number}" if number else field), "".join(targets[first : first + chunk]) + more


_read_page = msgspec.json.Decoder(PlanPage).decode
_read_head = msgspec.json.Decoder(PlanHead).decode


def read_page(raw: bytes) -> PlanPage:
    """Read one page of nodes."""
    return _read_page(raw)


def read_head(raw: bytes) -> PlanHead:
    """Read a plan's head."""
    return _read_head(raw)


def parts(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield `items` in tuples of at most `size`."""
    remaining = iter(items)
    while part := tuple(islice(remaining, size)):
        yield part
