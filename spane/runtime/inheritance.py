"""What an unannotated parameter is read as: what its source gives, as far as this process's code tells.

A plan carries no types. Where the workflow that a plan was made of is registered here, unchanged, its draft does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spane.authoring.registry import Registry
from spane.errors import DefinitionError
from spane.graph.paths import NoSuchPart, follow
from spane.model.draft import Draft
from spane.model.expressions import Input, Output, Source
from spane.model.node_type import MISSING

#: Plans come and go; past this many all are dropped and looked up again.
_PLANS_KEPT = 5_000


class Inheritance:
    """Annotations of sources, by plan; each plan is looked up once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._returns: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def annotation(self, plan: str, workflow: str, source: Source) -> Any:
        """Return what `source` gives in this plan; MISSING where nobody here can tell."""
        known = self._returns.get(plan)
        if known is None:
            if len(self._returns) >= _PLANS_KEPT:
                self._returns.clear()
            known = self._returns[plan] = self._look(plan, workflow)
        outputs, inputs = known
        match source:
            case Output(node, path):
                found = outputs.get(node, MISSING)
            case Input(str() as name, path):
                found = inputs.get(name, MISSING)
            case _:
                return MISSING
        try:
            return MISSING if found is MISSING else follow(found, path)
        except NoSuchPart:
            return MISSING

    def _look(self, plan: str, workflow: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        found = self._registry.workflow(workflow)
        try:
            if found is None or found.plan.hash != plan:
                return {}, {}
        except DefinitionError:
            return {}, {}
        draft: Draft = found.draft
        returns = {call.id: call.returns for call in draft.calls if call.node_type is not None}
        return returns, {parameter.name: parameter.annotation for parameter in draft.inputs}
