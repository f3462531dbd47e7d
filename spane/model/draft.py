"""The draft: what a workflow's body, `workflow.of` or a JSON definition said, before any check.

`authoring` writes drafts; `graph` checks them, draws them and lowers them to plans.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spane.errors import Fault
from spane.model.node_type import MISSING, Location, NodeOptions, NodeType, Parameter
from spane.model.plan import Source


@dataclass(slots=True)
class Call:
    """One node of a draft: a node type called with sources.

    `node_type` is None where the type is not registered here (a definition may name one); `type` is its name.
    `arguments` go by parameter name, `args` to `*args`; `merged` are sources bound to a `Parents` parameter.
    """

    id: str
    type: str
    node_type: NodeType | None
    arguments: dict[str, Source] = field(default_factory=dict)
    args: list[Source] = field(default_factory=list)
    merged: list[Source] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    options: NodeOptions = field(default_factory=NodeOptions)
    location: Location = Location("<unknown>", 0)
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """A whole workflow before its checks. `faults` and `warnings` are what the writing of it already found."""

    workflow: str
    calls: list[Call] = field(default_factory=list)
    inputs: tuple[Parameter, ...] = ()
    returns: Source | None = None
    returns_annotation: Any = MISSING
    accepts_any_input: bool = False
    location: Location = Location("<unknown>", 0)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
