"""Tracing: a workflow's body runs once with references for its inputs, and every call of a node is written down."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from spane.authoring import absent, locations, parents, returning, waits, wiring
from spane.authoring.blocks import Blocks
from spane.authoring.conditions import compared, joined
from spane.authoring.deciding import Deciders
from spane.authoring.mapping import Mapped
from spane.authoring.names import Names
from spane.authoring.references import Point, Reference, point
from spane.authoring.signatures import Signature
from spane.authoring.sources import Unbindable, own, source_of
from spane.errors import DefinitionError, Fault, ReferenceMisuse
from spane.model.draft import Call, Child, Draft
from spane.model.expressions import First, Input, Output, Source
from spane.model.node_type import MISSING, Location, NodeOptions, NodeType, Parameter, ParameterKind
from spane.model.plan import Gate

#: The trace of the body that runs here and now.
ACTIVE: ContextVar[Trace | None] = ContextVar("spane.trace", default=None)


@dataclass(frozen=True, slots=True)
class Placed:
    """A node as the body wrote it: its type, the id it was given, and the options of this one call."""

    node_type: NodeType
    signature: Signature
    name: str
    id: str | None
    options: NodeOptions
    after: tuple[Any, ...]
    child: Child | None = None
    mapped: Mapped | None = None


class Trace:
    """One run of one body. What the body wrote is collected in `draft`, faults included."""

    def __init__(self, workflow: str, location: Location) -> None:
        self.draft = Draft(workflow, location=location)
        self._names = Names()
        self.blocks = Blocks(self.draft)
        self.deciders = Deciders(self.draft, self._names)
        self._unread: set[str] = set()
        self._coalesced: list[tuple[First, list[Gate], Location]] = []
        self._left_out: list[tuple[Call, Parameter]] = []

    def run(self, body: Callable[..., Any], signature: Signature) -> Draft:
        """Run the body and return the finished draft. What the body itself raises becomes a DefinitionError."""
        self.draft.inputs = signature.parameters
        positional = [self.input(p) for p in signature.parameters if not _keyword_only(signature, p)]
        named = {p.name: self.input(p) for p in signature.parameters if _keyword_only(signature, p)}
        token = ACTIVE.set(self)
        try:
            result = body(*positional, **named)
        except DefinitionError:
            raise
        except Exception as error:
            raise DefinitionError(f"Workflow {self.draft.workflow!r}", [self._raised(error)]) from error
        finally:
            ACTIVE.reset(token)
        self.draft.faults += returning.inside_branches(body, self.blocks.entered)
        self.finish(result, signature.returns)
        self.draft.faults += waits.unused(self.draft, self.blocks.ordered)
        return self.draft

    def fault(self, code: str, message: str, where: Location | None = None) -> None:
        """Write down a fault, at the user's line that runs now unless `where` says otherwise."""
        self.draft.faults.append(Fault(code, message, str(where or locations.in_body(self.draft.location))))

    def input(self, parameter: Parameter) -> Any:
        """Return the reference that stands for an input of the workflow."""
        return Reference(Point(self, Input(parameter.name), parameter.annotation))

    def call(self, placed: Placed, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Write down a call of a node and return the reference that stands for its result."""
        location = locations.in_body(self.draft.location)
        node_type = placed.node_type
        if placed.signature.problems and node_type.name not in self._unread:
            self._unread.add(node_type.name)
            for problem in placed.signature.problems:
                self.fault("bad-annotation", f"node {placed.name!r}: {problem}", node_type.location)
        call = Call(
            id=self._names.take(placed.name, placed.id, location),
            type=node_type.name,
            node_type=node_type,
            gates=self.blocks.gates,
            child=placed.child,
            options=placed.options,
            location=location,
            config={} if placed.child is None else {"workflowId": placed.child.workflow},
        )
        self.draft.calls.append(call)
        self._bind(call, placed.signature, args, kwargs)
        if placed.mapped is not None:
            self._map(call, placed.mapped, placed.signature)
        self._order(call, placed.after)
        self.blocks.follow(call)
        self._left_out += [(call, p) for p in node_type.parameters if p.required and p.name not in call.arguments]
        return Reference(Point(self, Output(call.id), call.returns))

    def _map(self, call: Call, mapped: Mapped, signature: Signature) -> None:
        call.each = mapped.each(signature)
        for problem in mapped.problems():
            self.fault("bad-option", f"map {call.id!r}: {problem}")
        if not call.each.parameter:
            call.args = []
            self.fault(
                "bad-map",
                f"node {call.id!r} cannot be mapped: its items are given by position, and it has no first parameter for "
                "them. Give the function one.",
            )

    def wait(
        self,
        node_type: NodeType,
        name: str,
        arguments: dict[str, Source],
        options: NodeOptions | None = None,
        *,
        config: dict[str, Any] | None = None,
        after: Sequence[Any] = (),
    ) -> Reference:
        """Write down a node that waits and return the reference that stands for what it gives."""
        call = Call(
            id=self._names.take_builtin(name),
            type=node_type.name,
            node_type=node_type,
            arguments=arguments,
            gates=self.blocks.gates,
            options=options or NodeOptions(),
            location=locations.in_body(self.draft.location),
            config=config or {},
        )
        self.draft.calls.append(call)
        self._order(call, tuple(after))
        self.blocks.follow(call)
        return Reference(Point(self, Output(call.id), node_type.returns))

    def coalesced(self, source: First) -> None:
        """Note that one of several values is taken here, to be checked when the whole body is known."""
        self._coalesced.append((source, self.blocks.gates, locations.caller()))

    def compare(self, left: Reference, operator: str, right: Any) -> Any:
        """Return the condition that comparing a reference is."""
        self.require_active(left, f"`{operator}`")
        return compared(self, left, operator, right)

    def join(self, left: Reference, operator: str, right: Any) -> Any:
        """Return the condition that a reference to a bool and another condition are together."""
        self.require_active(left, f"`{operator}`")
        return joined(self, left, operator, right)

    def require_active(self, used: Any, what: str) -> None:
        """Raise ReferenceMisuse unless this is the trace of the body that runs here and now."""
        if ACTIVE.get() is not self:
            message = (
                f"{used!r} belongs to the body of workflow {self.draft.workflow!r}, and {what} is used outside of it. Bodies "
                "share no values; write it in that body."
            )
            fault = Fault("foreign-reference", message, str(locations.caller()))
            raise ReferenceMisuse(f"Workflow {self.draft.workflow!r}", [fault])

    def finish(self, result: Any, annotation: Any) -> None:
        """Take what the body returned, and wire by name what its calls left out."""
        draft = self.draft
        wiring.by_name(draft, self._left_out)
        draft.faults += absent.settle(draft, self._coalesced)
        draft.faults += self.blocks.faults()
        draft.warnings += [*self._names.warnings(), *self.blocks.warnings(), *wiring.empty_merges(draft)]
        draft.returns_annotation = annotation
        if result is None:
            # Nothing returned: the result is that of the last nodes, whatever `-> None` says.
            draft.returns_annotation = MISSING if annotation is type(None) else annotation
            return
        try:
            draft.returns = source_of(result, self)
        except Unbindable as error:
            self.fault(error.code, f"what workflow {draft.workflow!r} returns: {error}", draft.location)
        if annotation is MISSING and isinstance(result, Reference):
            draft.returns_annotation = point(result).annotation

    def _bind(self, call: Call, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        by_position = [
            p
            for p in signature.inspected.parameters.values()
            if p.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            and not _filled_in(signature.parameter(p.name))
        ]
        taken = dict(zip((p.name for p in by_position), args, strict=False))
        for name, value in taken.items():
            self._bind_one(call, signature.parameter(name), name, value)
        for value in args[len(by_position) :]:
            self._bind_one(call, None, "*args", value)
        for name, value in kwargs.items():
            parameter = signature.parameter(name)
            if parameter is not None and parameter.kind in (ParameterKind.VARIADIC, ParameterKind.KEYWORDS):
                parameter = None
            if name in taken:
                self.fault("bad-call", f"node {call.id!r} is given {name!r} twice, by position and by name. Drop one.")
            elif parameter is not None and parameter.positional_only:
                self.fault("bad-call", f"node {call.id!r} takes {name!r} by position only. Pass it without its name.")
                call.told.add(name)
            else:
                self._bind_one(call, parameter, name, value)

    def _bind_one(self, call: Call, parameter: Parameter | None, name: str, value: Any) -> None:
        try:
            if parameter is not None and parameter.kind is ParameterKind.PARENTS:
                call.merged += self._merged(value)
            elif name == "*args":
                call.args.append(source_of(value, self))
            else:
                call.arguments[name] = source_of(value, self)
        except Unbindable as error:
            self.fault(error.code, f"node {call.id!r}, argument {name!r}: {error}")
            call.told.add(name)

    def _merged(self, value: Any) -> list[Source]:
        bound = parents.bound_in(value)
        if bound is None or not all(isinstance(item, Reference) for item in bound.values()):
            raise Unbindable(
                "bad-parents", "Parents take the results of nodes: Parents.of(a, b), a list or a tuple of references."
            )
        merged: list[Source] = []
        for key, reference in bound.items():
            source = own(reference, self)
            if not isinstance(source, Output) or source.path:
                raise Unbindable("bad-parents", f"Parents hold whole results of nodes, and {reference!r} is none.")
            if isinstance(key, str) and key != source.node:
                raise Unbindable(
                    "bad-parents",
                    f"Parents go by node id, so the key of {reference!r} cannot be {key!r}. Name the node: "
                    f".named({key!r}).",
                )
            merged.append(source)
        return merged

    def _order(self, call: Call, after: tuple[Any, ...]) -> None:
        for earlier in after:
            try:
                source = own(earlier, self) if isinstance(earlier, Reference) else None
            except Unbindable as error:
                self.fault(error.code, f"node {call.id!r}, after: {error}")
                continue
            if not isinstance(source, Output):
                self.fault(
                    "bad-after",
                    f"node {call.id!r}: after takes results of nodes in this body, and {earlier!r} is none.",
                )
            elif source.node not in call.after:
                call.after.append(source.node)

    def _raised(self, error: Exception) -> Fault:
        trace = error.__traceback__
        where = self.draft.location
        while trace is not None:
            if locations.written_by_user(trace.tb_frame, self.draft.location):
                where = Location(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            trace = trace.tb_next
        message = (
            f"its body raised {type(error).__name__}: {error}. The body only wires nodes, with references in place of "
            "values; what needs values belongs inside a node."
        )
        return Fault("body-raised", message, str(where))


def _keyword_only(signature: Signature, parameter: Parameter) -> bool:
    return signature.inspected.parameters[parameter.name].kind is inspect.Parameter.KEYWORD_ONLY


def _filled_in(parameter: Parameter | None) -> bool:
    """Tell whether a parameter takes no place among the positional ones: a context without a default."""
    return parameter is not None and parameter.kind is ParameterKind.CONTEXT and parameter.default is MISSING
