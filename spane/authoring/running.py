"""How a called workflow is run: the door through which `spane` brings the engine in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow


def _no_engine(workflow: Workflow[..., Any], _inputs: Mapping[str, Any]) -> Any:
    raise RuntimeError(f"Workflow {workflow.name!r} cannot run: nothing has set spane.authoring.running.in_process.")


#: Runs a workflow to its end on an engine of this process and returns its result; `import spane` sets it.
in_process: Callable[[Workflow[..., Any], Mapping[str, Any]], Any] = _no_engine
