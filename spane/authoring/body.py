"""Bodies: functions that wire a workflow, checked when decorated and traced when needed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FrameType
from typing import Any

from spane.authoring import signatures
from spane.authoring.definition import where_of
from spane.authoring.sources import Written
from spane.authoring.tracing import Trace
from spane.errors import DefinitionError, Fault
from spane.model.draft import Draft
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import ParameterKind

_NOT_INPUTS = {
    ParameterKind.VARIADIC: "takes *{name}; a workflow's inputs have names. Take a list as one input",
    ParameterKind.KEYWORDS: "takes **{name}; a workflow's inputs are known beforehand. Take a dict as one input",
    ParameterKind.CONTEXT: "takes the context ({name}); only nodes run, so only they have one. Move it to a node",
    ParameterKind.RESOURCE: "takes a resource ({name}); only nodes run, so only they have any. Move it to a node",
    ParameterKind.PARENTS: "takes Parents ({name}); a workflow has none. Take inputs by name",
}


class Body:
    """The function that wires a workflow, under the workflow's name."""

    def __init__(self, target: Any, name: str | None, frame: FrameType | None) -> None:
        own: str = getattr(target, "__name__", type(target).__name__)
        self.name = own if name is None else name
        self.location = where_of(target)
        faults = [Fault("bad-workflow", problem, str(self.location)) for problem in _problems(target)]
        if not faults and not (isinstance(self.name, str) and is_name(self.name)):
            message = f"{self.name!r} cannot be the name of a workflow; a name has {NAME_RULE}."
            faults.append(Fault("bad-name", message, str(self.location)))
        if faults:
            raise DefinitionError(f"Workflow {self.name!r}", faults)
        self._target = target
        self._frame = frame if "<locals>" in target.__qualname__ else None

    def trace(self) -> Draft:
        """Run the body once more and return what it said."""
        signature = signatures.read(self._target, self._frame)
        trace = Trace(self.name, self.location)
        for problem in signature.problems:
            trace.fault("bad-annotation", f"workflow {self.name!r}: {problem}", self.location)
        wrong = [p for p in signature.parameters if p.kind in _NOT_INPUTS]
        if wrong:
            messages = [f"workflow {self.name!r} {_NOT_INPUTS[p.kind].format(name=p.name)}." for p in wrong]
            faults = [Fault("bad-input", message, str(self.location)) for message in messages]
            raise DefinitionError(f"Workflow {self.name!r}", faults)
        return trace.run(self._target, signature)


def _problems(target: Any) -> Iterator[str]:
    """Yield what keeps something from being the body of a workflow."""
    if isinstance(target, Written):
        yield f"it is a {target.noun} already; decorate the plain function."
    elif isinstance(target, str):
        yield f"the text {target!r} stands where the body goes. A name is given by name: @workflow(name={target!r})."
    elif not inspect.isfunction(target):
        yield f"{target!r} is no function; the body of a workflow is a plain def."
    elif target.__name__ == "<lambda>":
        yield "a lambda has no name. Write a def."
    elif inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):
        yield (
            "its body is async, but nothing runs in a body: it only wires nodes. Write a plain def; async nodes are called "
            "in it without await."
        )
    elif inspect.isgeneratorfunction(target):
        yield "its body is a generator; return the result instead of yielding it."
