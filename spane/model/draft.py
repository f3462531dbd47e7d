"""The draft: what a workflow's body, `workflow.of` or a JSON definition said, before any check.

`authoring` writes drafts; `graph` checks them, draws them and lowers them to plans.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from spane.errors import Fault
from spane.model.expressions import Source
from spane.model.node_type import MISSING, Location, NodeOptions, NodeType, Parameter, ParameterKind
from spane.model.outcome import NodeError
from spane.model.plan import Branch, Gate, Plan
from spane.model.rules import Each, LimitRule


@dataclass(frozen=True, slots=True)
class StartDefaults:
    """What a definition says of the starts of its workflow; whatever a start says itself wins."""

    priority: int | None = None
    delay_s: float = 0.0
    key: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A workflow that another one calls: its plan, with those of the workflows that it calls itself, and what it takes and gives.

    `levels` counts the executions that stand one below the other where it runs, its own included. `undo` is the built-in
    type that has it undo what it did, None where nothing in it has an undo. `priority` is that of a node which runs it and
    says none itself.
    """

    workflow: str
    plan: Plan
    kids: tuple[Plan, ...] = ()
    levels: int = 1
    inputs: tuple[Parameter, ...] = ()
    returns: Any = MISSING
    undo: NodeType | None = None
    priority: int | None = None

    def typed(self, node_type: NodeType) -> NodeType:
        """Return the built-in type that runs it, with the parameters and the result of the workflow itself."""
        own = tuple(p for p in node_type.parameters if p.kind is ParameterKind.CONTEXT or self.plan.accepts_any_input)
        return replace(node_type, parameters=(*self.inputs, *own), returns=self.returns)


@dataclass(slots=True)
class Call:
    """One node of a draft: a node type called with sources.

    `node_type` is None where the type is not registered here (a definition may name one); `type` is its name.
    `arguments` go by parameter name, `args` to `*args`; `merged` are sources bound to a `Parents` parameter. `gates` are
    the branches it stands in, `decides` the branches that its own output decides on; `always_fed` is that of `PlanNode`.
    `child` is the workflow that it runs, if it runs one.
    """

    id: str
    type: str
    node_type: NodeType | None
    arguments: dict[str, Source] = field(default_factory=dict)
    args: list[Source] = field(default_factory=list)
    merged: list[Source] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    decides: list[Branch] = field(default_factory=list)
    always_fed: bool = False
    child: Child | None = None
    options: NodeOptions = field(default_factory=NodeOptions)
    location: Location = Location("<unknown>", 0)
    config: dict[str, Any] = field(default_factory=dict)
    #: What makes it a map: which of its arguments is a list whose items it goes over.
    each: Each | None = None
    #: Parameters that a fault was found in where the call was written, so that nothing more is said about them.
    told: set[str] = field(default_factory=set, compare=False, repr=False)

    @property
    def returns(self) -> Any:
        """The annotation of what it gives: that of its type, or for a map a list of that."""
        returns = MISSING if self.node_type is None else self.node_type.returns
        if self.each is None:
            return returns
        one = Any if returns is MISSING else type(None) if returns is None else returns
        return list[one | NodeError] if self.each.on_item_failure == "collect" else list[one]  # type: ignore[valid-type]

    @property
    def kind(self) -> str:
        """What the node is, for people: its type, or the workflow that it runs."""
        if self.child is None:
            return self.type
        return f"{'repeats ' if self.type.endswith('.repeat') else ''}workflow {self.child.workflow}"

    @property
    def where(self) -> str:
        """Where a fault of this call is to be looked for: its file and line, or its id when it was not written in code."""
        return str(self.location) if self.location.line else self.id


@dataclass(slots=True)
class Draft:
    """A whole workflow before its checks. `faults` and `warnings` are what the writing of it already found.

    `definition` holds what a JSON definition says besides nodes, under its own keys: `name`, `entryNodeId`,
    `triggers`, `maxConcurrency`, `priority`, `delay` and `jobId`, each only when given.
    """

    workflow: str
    calls: list[Call] = field(default_factory=list)
    inputs: tuple[Parameter, ...] = ()
    returns: Source | None = None
    returns_annotation: Any = MISSING
    accepts_any_input: bool = False
    limit: LimitRule | None = None
    deadline_s: float | None = None
    location: Location = Location("<unknown>", 0)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    definition: dict[str, Any] = field(default_factory=dict)
    #: The step that hears of a failure; what it is bound to follows from its parameters.
    on_failure: Call | None = None
    #: Names of node types that somebody may have meant by one that is not registered.
    known_types: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def starts(self) -> StartDefaults:
        """What its starts are like where they do not say it themselves; only a definition says so."""
        said = self.definition
        return StartDefaults(said.get("priority"), said.get("delay", 0) / 1000, said.get("jobId"))

    @property
    def where(self) -> str:
        """Where a fault of the workflow as a whole is to be looked for: its file and line, or its name."""
        return str(self.location) if self.location.line else self.workflow
