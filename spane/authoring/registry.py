"""The registry: node types and workflows by name, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spane.authoring import builtin
from spane.errors import DefinitionError, Fault, UnknownWorkflow
from spane.graph.spelling import hint
from spane.model.node_type import Location, NodeType

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow


@dataclass(frozen=True, slots=True)
class _Entry:
    """A registered thing under its name, and where it came from: that tells a reload from a clash."""

    name: str
    module: str
    qualname: str
    location: Location
    value: Any
    was: tuple[str, ...] = ()

    def replaces(self, other: _Entry) -> bool:
        """Tell whether this is `other` again: reloaded, or its file run as `__main__` and imported as well."""
        return self.qualname == other.qualname and (
            self.module == other.module or self.location.file == other.location.file
        )


class Registry:
    """Node types and workflows by name, the built-in types always among them.

    `default` is where the decorators put theirs.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, _Entry] = {}
        self._workflows: dict[str, _Entry] = {}

    def add(self, node_type: NodeType) -> None:
        """Register a node type; DefinitionError if another function already has the name."""
        self.declare(
            node_type.name,
            lambda: node_type,
            module=node_type.module,
            qualname=node_type.qualname,
            location=node_type.location,
            was=node_type.was,
        )

    def declare(
        self,
        name: str,
        make: Callable[[], NodeType],
        *,
        module: str,
        qualname: str,
        location: Location,
        was: tuple[str, ...] = (),
    ) -> None:
        """Register a node type that `make` gives when it is asked for, so that hints resolve late."""
        entry = _Entry(name, module, qualname, location, make, was)
        for taken in (name, *was):
            _refuse_builtin(taken, entry)
            _refuse_clash("node type", taken, entry, self._nodes.get(taken))
        self._nodes[name] = entry

    def _entry(self, name: str) -> _Entry | None:
        return self._nodes.get(name) or next((entry for entry in self._nodes.values() if name in entry.was), None)

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a node type of that name, whatever is wrong with it."""
        return name in builtin.TYPES or self._entry(name) is not None

    def get(self, name: str) -> NodeType | None:
        """Return the node type of that name, or of one that `was` called so; None if there is none.

        DefinitionError if its function's signature cannot be read.
        """
        entry = self._entry(name)
        if entry is None:
            return builtin.TYPES.get(name)
        node_type: NodeType = entry.value()
        return node_type

    def resolve(self, name: str) -> NodeType:
        """Return the node type of that name; DefinitionError with the nearest names if there is none."""
        found = self.get(name)
        if found is None:
            known = sorted({*self._nodes, *(old for entry in self._nodes.values() for old in entry.was)})
            message = (
                f"no node type is called {name!r}. {hint(name, known, 'known node types')} Import the module that "
                "defines it, or give a function that name with @node(name=...)."
            )
            raise DefinitionError(f"Node type {name!r}", [Fault("unknown-node-type", message)])
        return found

    def names(self) -> tuple[str, ...]:
        """Return the names of all node types, sorted, the built-in ones included."""
        return tuple(sorted({*self._nodes, *builtin.TYPES}))

    def add_workflow(self, workflow: Workflow[..., Any]) -> None:
        """Register a workflow; DefinitionError if another one already has the name."""
        entry = _Entry(workflow.name, workflow.__module__, workflow.__qualname__, workflow.location, workflow)
        _refuse_clash("workflow", workflow.name, entry, self._workflows.get(workflow.name))
        self._workflows[workflow.name] = entry

    def workflow(self, name: str) -> Workflow[..., Any] | None:
        """Return the workflow of that name, or None."""
        entry = self._workflows.get(name)
        return None if entry is None else entry.value

    def resolve_workflow(self, name: str) -> Workflow[..., Any]:
        """Return the workflow of that name; UnknownWorkflow with the nearest names if there is none."""
        found = self.workflow(name)
        if found is None:
            known = [made.name for made in self.workflows()]
            raise UnknownWorkflow(
                f"No workflow is called {name!r} in this process. {hint(name, known, 'workflows')} Import the module that "
                "defines it, or register one made of a JSON definition by engine.register(...).",
                workflow=name,
            )
        return found

    def workflows(self) -> tuple[Workflow[..., Any], ...]:
        """Return all workflows, by name."""
        return tuple(self._workflows[name].value for name in sorted(self._workflows))

    def snapshot(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is registered now, for `restore`."""
        return dict(self._nodes), dict(self._workflows)

    def restore(self, snapshot: tuple[dict[str, Any], dict[str, Any]]) -> None:
        """Forget what was registered since `snapshot` was taken."""
        nodes, workflows = snapshot
        self._nodes, self._workflows = dict(nodes), dict(workflows)


def _refuse_builtin(name: str, entry: _Entry) -> None:
    if name.startswith(builtin.PREFIX):
        message = (
            f"node type {name!r} ({entry.module}:{entry.qualname}) has a name that begins with {builtin.PREFIX!r}, as only "
            "built-in types have. Give it another one."
        )
        raise DefinitionError(f"Node type {name!r}", [Fault("reserved-name", message, str(entry.location))])


def _refuse_clash(noun: str, name: str, entry: _Entry, other: _Entry | None) -> None:
    if other is None or entry.replaces(other):
        return
    message = (
        f"{noun} {name!r} has two definitions: {other.module}:{other.qualname} at {other.location} and "
        f"{entry.module}:{entry.qualname} at {entry.location}. Plans know a {noun} by its name alone; rename one, "
        'or give it another with name="...".'
    )
    raise DefinitionError(f"{noun.capitalize()} {name!r}", [Fault("duplicate-type", message, str(entry.location))])


#: Where `@node` and `@workflow` register what they decorate.
default = Registry()
