"""The plan: a workflow compiled to frozen data, named by the hash of its content.

A plan is the only form of a workflow that the runtime knows. Every argument of every node is a
*source*, an expression over JSON that the worker evaluates on raw bytes:

    Constant(raw)            a JSON value known when the plan was made
    Input(name, path)        an input of the workflow (name None: all inputs as one object)
    Output(node, path)       the output of another node, or a part of it
    Items(items)             a JSON array of sources
    Fields(items)            a JSON object of sources
    First(items)             the first of several sources that is there

`path` walks into JSON objects by key and into arrays by index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

import msgspec

Path = tuple[str | int, ...]
OnFailure = Literal["fail", "continue", "skip"]
WhenOpen = Literal["fail", "wait"]
OnItemFailure = Literal["fail", "collect", "skip"]

#: How many items of a map are queued or running at a time unless it says otherwise.
ITEMS_IN_FLIGHT = 1_000

#: A step of a plan is what follows a failure: the undo of a node, `<node>~undo`, or the handler, `<type>~on_failure`.
#: No name holds a `~`.
UNDO = "~undo"
ON_FAILURE = "~on_failure"
#: Stands for what failed, as a node that feeds the handler.
FAILED = "@failed"


def is_step(node: str) -> bool:
    """Tell whether this is the id of what follows a failure, and not of a node that a workflow calls."""
    return "~" in node


class Constant(msgspec.Struct, frozen=True, tag="c", array_like=True):
    """A JSON value fixed in the plan."""

    raw: msgspec.Raw


class Input(msgspec.Struct, frozen=True, tag="i", array_like=True):
    """An input of the workflow, or a part of it; `name` None stands for the whole object."""

    name: str | None
    path: Path = ()


class Output(msgspec.Struct, frozen=True, tag="o", array_like=True):
    """What another node of the same execution returned, or a part of it."""

    node: str
    path: Path = ()


class Items(msgspec.Struct, frozen=True, tag="l", array_like=True):
    """A JSON array made of sources."""

    items: tuple[Constant | Input | Output | Items | Fields | First, ...]


class Fields(msgspec.Struct, frozen=True, tag="d", array_like=True):
    """A JSON object made of sources."""

    items: tuple[tuple[str, Constant | Input | Output | Items | Fields | First], ...]


class First(msgspec.Struct, frozen=True, tag="f", array_like=True):
    """The first of several sources that is there: what was skipped is not, `null` is."""

    items: tuple[Constant | Input | Output | Items | Fields | First, ...]


Source = Constant | Input | Output | Items | Fields | First


class Compare(msgspec.Struct, frozen=True, tag="cmp", array_like=True):
    """Two values compared as JSON. Ordering is for two numbers or two texts only."""

    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    left: Source
    right: Source


class OneOf(msgspec.Struct, frozen=True, tag="in", array_like=True):
    """Whether a value is equal to one of some constants."""

    source: Source
    values: tuple[msgspec.Raw, ...]


class IsNone(msgspec.Struct, frozen=True, tag="none", array_like=True):
    """Whether a value is `null`."""

    source: Source


class All(msgspec.Struct, frozen=True, tag="and", array_like=True):
    """Whether all conditions hold."""

    items: tuple[Compare | OneOf | IsNone | All | AnyOf | Not, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="or", array_like=True):
    """Whether one of some conditions holds."""

    items: tuple[Compare | OneOf | IsNone | All | AnyOf | Not, ...]


class Not(msgspec.Struct, frozen=True, tag="not", array_like=True):
    """Whether a condition does not hold."""

    item: Compare | OneOf | IsNone | All | AnyOf | Not


Condition = Compare | OneOf | IsNone | All | AnyOf | Not


class Branch(msgspec.Struct, frozen=True, array_like=True):
    """A way that a node's outcome decides on: open where `condition` holds for its output.

    `name` is unique in the plan. The condition reads the output of the node that has the branch, and nothing else.
    """

    name: str
    condition: Condition


class Gate(msgspec.Struct, frozen=True, array_like=True):
    """What must be open for a node to run: a branch that `node` decides on. A node that was skipped opens none."""

    node: str
    branch: str


def leaves(source: Source) -> Iterator[Constant | Input | Output]:
    """Yield the sources at the tips of `source`, left to right, however deep it nests."""
    pending: list[Source] = [source]
    while pending:
        item = pending.pop()
        if isinstance(item, Items | First):
            pending.extend(reversed(item.items))
        elif isinstance(item, Fields):
            pending.extend(part for _, part in reversed(item.items))
        else:
            yield item


class Each(msgspec.Struct, frozen=True, omit_defaults=True):
    """What makes a node a map: its type runs once for each item of the list that `parameter` is bound to.

    No more than `max_in_flight` items are queued or running at a time, None for `ITEMS_IN_FLIGHT`. `on_item_failure` says
    what becomes of the map where an item used up its attempts: it fails with it, its error stands in the list in its
    place, or the item is left out.
    """

    parameter: str
    max_in_flight: int | None = None
    on_item_failure: OnItemFailure = "fail"


class RetryPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often and when a node is tried again.

    The wait before attempt n+1 (n counts from 1) is `base_s` when fixed, else `base_s * factor ** (n - 1)`,
    never more than `max_s`; `jitter` (0 to 1) takes off a random share of up to that size. `retry_on` and
    `give_up_on` name exception classes as `module:qualname`, matched against the classes of the exception
    and its bases; `give_up_on` wins.
    """

    attempts: int = 3
    backoff: Literal["exponential", "fixed"] = "exponential"
    base_s: float = 1.0
    factor: float = 2.0
    max_s: float = 3600.0
    jitter: float = 0.0
    retry_on: tuple[str, ...] = ("builtins:Exception",)
    give_up_on: tuple[str, ...] = ()


class LimitRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many may run at once, and how many may start in a period; each None where that is not limited.

    Without `burst`, no period, wherever it begins, has more than `rate` starts. With it, up to `burst` start at once after
    a quiet time, and `rate` in each period from then on. With `key` all of this holds for each value of the parameter of
    that name, or of a part of it (`order.customer`).
    """

    concurrency: int | None = None
    rate: int | None = None
    period_ms: int = 1_000
    burst: int | None = None
    key: str | None = None


class BreakerRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A circuit breaker: `failures` within `window_ms` open it for `timeout_ms`; then one attempt at a time tries, and `successes` close it.

    `name` is shared by all nodes that name it, '' for one of the node's type. With `keyed`, each value of the key
    that the node's code gives has a breaker of its own. `counts` name exception classes as `RetryPolicy` does.
    """

    name: str = ""
    failures: int = 5
    successes: int = 2
    timeout_ms: int = 60_000
    window_ms: int = 120_000
    when_open: WhenOpen = "fail"
    keyed: bool = False
    counts: tuple[str, ...] = ("builtins:Exception",)


class PlanNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node of a plan: what to call, with what, and by which rules.

    `arguments` go by parameter name, `args` to `*args`. `parents` are the nodes whose outputs are merged
    for it, in the order they were bound; `after` only orders. It runs if all `gates` are open and one of its parents
    ran, if it has any; otherwise it is skipped. With `always_fed` it runs if all gates are open, whatever became of its
    parents: an input, a constant or a default of `coalesce` feeds it as well. `decides` are the branches that its own
    output opens or closes; `routes` are the children that it may choose from, if it chooses. `config` is the JSON given to
    the node in a definition (for `Context.config`). `version` pins the code (see `@node(version=)`). One that `waits` is
    given what it waited for when it runs again. `child` is the hash of the plan that the node runs as a child execution.
    `limit` is shared by all nodes of the type. With `each` it is a map: one of its `arguments` is a list, whose items it goes
    over. `undo` is the step that takes back what the node did.
    """

    id: str
    type: str
    arguments: tuple[tuple[str, Source], ...] = ()
    args: tuple[Source, ...] = ()
    parents: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    decides: tuple[Branch, ...] = ()
    routes: tuple[str, ...] | None = None
    always_fed: bool = False
    waits: bool = False
    child: str | None = None
    limit: LimitRule | None = None
    each: Each | None = None
    breaker: BreakerRule | None = None
    queue: str = "default"
    is_async: bool = False
    priority: int | None = None
    delay_ms: int = 0
    timeout_ms: int | None = None
    retry: RetryPolicy = RetryPolicy()
    on_failure: OnFailure = "fail"
    version: str = ""
    config: msgspec.Raw = msgspec.Raw(b"{}")
    undo: PlanNode | None = None

    def sources(self) -> Iterator[Source]:
        """Yield every source bound to this node."""
        for _, source in self.arguments:
            yield source
        yield from self.args

    @property
    def awaited(self) -> tuple[str, ...]:
        """Every node whose end this one waits for: parents, those it only comes after, and those of its gates."""
        return tuple(dict.fromkeys((*self.parents, *self.after, *(gate.node for gate in self.gates))))

    @property
    def takes_input(self) -> bool:
        """Whether any argument reads the inputs of the workflow."""
        return any(isinstance(leaf, Input) for source in self.sources() for leaf in leaves(source))


class PlanInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """One input of the workflow: its name, and its default as JSON when it has one.

    `accepted` names an input that need not be given but has no default (everything optional in a definition).
    """

    name: str
    given: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="default")
    required: bool = True

    @property
    def default(self) -> msgspec.Raw | None:
        """The default as JSON, or None (a field `Raw | None` would be written, but read back as null only)."""
        return None if isinstance(self.given, msgspec.UnsetType) else self.given


class Plan(msgspec.Struct, frozen=True):
    """A compiled workflow. Nodes stand in topological order; `handler` is the step that hears of a failure.

    `returns` is what the execution results in: with None, the output of the only terminal node, or `{node_id: output}` of
    all. `limit` is that of its executions, and `deadline_ms` how long after its beginning one that has not ended fails.
    """

    workflow: str
    nodes: tuple[PlanNode, ...]
    inputs: tuple[PlanInput, ...] = ()
    returns: Source | None = None
    accepts_any_input: bool = False
    limit: LimitRule | None = None
    deadline_ms: int | None = None
    handler: PlanNode | None = None

    @property
    def steps(self) -> tuple[PlanNode, ...]:
        """What may follow a failure: the undo of each node that has one, and the handler."""
        undos = [node.undo for node in self.nodes if node.undo is not None]
        return (*undos, *([self.handler] if self.handler is not None else ()))

    @property
    def undoes(self) -> bool:
        """Whether anything that an execution of it did may have to be undone."""
        return any(node.undo is not None for node in self.nodes)

    @property
    def queues(self) -> frozenset[str]:
        """Every queue that its nodes and steps run on."""
        return frozenset(node.queue for node in (*self.nodes, *self.steps))

    def encode(self) -> bytes:
        """Return the canonical JSON of this plan, the text that is hashed."""
        return _encoder.encode(self)

    @property
    def hash(self) -> str:
        """The name of this plan: the first 32 hex digits of the SHA-256 of its JSON."""
        return hashlib.sha256(self.encode()).hexdigest()[:32]

    @property
    def kids(self) -> tuple[str, ...]:
        """The hashes of the plans that its nodes run as child executions, each once."""
        return tuple(dict.fromkeys(node.child for node in self.nodes if node.child is not None))

    def terminals(self) -> tuple[str, ...]:
        """Return the ids of the nodes that no other node depends on, in plan order."""
        inner = {parent for node in self.nodes for parent in node.awaited}
        return tuple(node.id for node in self.nodes if node.id not in inner)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Plan)


def decode_plan(raw: bytes) -> Plan:
    """Read a plan back from its canonical JSON."""
    return _decoder.decode(raw)
