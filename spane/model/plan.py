"""The plan: a workflow compiled to frozen data, named by the hash of its content.

A plan is the only form of a workflow that the runtime knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from spane.model.expressions import Condition, Input, Source, leaves
from spane.model.rules import BreakerRule, Each, LimitRule, OnFailure, RetryPolicy

#: A step of a plan is what follows a failure: the undo of a node, `<node>~undo`, or the handler, `<type>~on_failure`.
#: No name holds a `~`.
UNDO = "~undo"
ON_FAILURE = "~on_failure"
#: Stands for what failed, as a node that feeds the handler.
FAILED = "@failed"

_encode = msgspec.json.Encoder().encode


def is_step(node: str) -> bool:
    """Tell whether this is the id of what follows a failure, and not of a node that a workflow calls."""
    return "~" in node


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
        return _encode(self)

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
