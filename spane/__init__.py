"""SPANE: workflows as plain Python functions, run durably by Dramatiq and Redis."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spane.authoring import running

if TYPE_CHECKING:
    from spane.authoring.branches import in_order, switch, when
    from spane.authoring.breaker import Breaker
    from spane.authoring.coalescing import coalesce
    from spane.authoring.conditions import is_none, not_, one_of
    from spane.authoring.context import Context, current
    from spane.authoring.decorating import workflow
    from spane.authoring.limits import Limit
    from spane.authoring.node import Node, node
    from spane.authoring.parents import Parents
    from spane.authoring.repeating import repeat_until
    from spane.authoring.resources import use
    from spane.authoring.retry import Retry
    from spane.authoring.waiting import sleep, wait_for_event
    from spane.authoring.workflow import Bound, Workflow
    from spane.engine import Engine, Execution
    from spane.errors import (
        BreakerOpen,
        DefinitionError,
        EventTimeout,
        ExecutionCancelled,
        ExecutionFailed,
        InputError,
        NodeTimeout,
        ReferenceMisuse,
        ResultTimeout,
        RetryLater,
        SettingsError,
        Skip,
        SpaneError,
        StoreError,
        Unrecoverable,
        ValueMismatch,
    )
    from spane.model.outcome import Failure, NodeError
    from spane.model.route import Route

__all__ = [
    "Bound",
    "Breaker",
    "BreakerOpen",
    "Context",
    "DefinitionError",
    "Engine",
    "EventTimeout",
    "Execution",
    "ExecutionCancelled",
    "ExecutionFailed",
    "Failure",
    "InputError",
    "Limit",
    "Node",
    "NodeError",
    "NodeTimeout",
    "Parents",
    "ReferenceMisuse",
    "ResultTimeout",
    "Retry",
    "RetryLater",
    "Route",
    "SettingsError",
    "Skip",
    "SpaneError",
    "StoreError",
    "Unrecoverable",
    "ValueMismatch",
    "Workflow",
    "coalesce",
    "current",
    "in_order",
    "is_none",
    "node",
    "not_",
    "one_of",
    "repeat_until",
    "sleep",
    "switch",
    "use",
    "wait_for_event",
    "when",
    "workflow",
]

_HOMES = {
    "spane.authoring.branches": ("in_order", "switch", "when"),
    "spane.authoring.breaker": ("Breaker",),
    "spane.authoring.coalescing": ("coalesce",),
    "spane.authoring.conditions": ("is_none", "not_", "one_of"),
    "spane.authoring.context": ("Context", "current"),
    "spane.authoring.decorating": ("workflow",),
    "spane.authoring.limits": ("Limit",),
    "spane.authoring.node": ("Node", "node"),
    "spane.authoring.parents": ("Parents",),
    "spane.authoring.repeating": ("repeat_until",),
    "spane.authoring.resources": ("use",),
    "spane.authoring.retry": ("Retry",),
    "spane.authoring.waiting": ("sleep", "wait_for_event"),
    "spane.authoring.workflow": ("Bound", "Workflow"),
    "spane.engine": ("Engine", "Execution"),
    "spane.model.outcome": ("Failure", "NodeError"),
    "spane.model.route": ("Route",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # Whoever only asks for `--help`, or catches an error, waits neither for pydantic nor for dramatiq.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF.get(name, "spane.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _run_in_process(workflow: Workflow[..., Any], inputs: Mapping[str, Any]) -> Any:
    from spane import engine  # noqa: PLC0415 - dramatiq and redis load when something runs

    return engine.run_in_process(workflow, inputs)


running.in_process = _run_in_process
