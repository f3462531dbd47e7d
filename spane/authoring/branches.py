"""Blocks of a body: branches, whose calls run only where something holds that is known at run time, and orders."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from spane.authoring import locations
from spane.authoring.blocks import Block
from spane.authoring.conditions import condition_of, constant, refuse
from spane.authoring.deciding import case_name
from spane.authoring.references import Reference, point
from spane.authoring.tracing import ACTIVE, Trace
from spane.graph import domains
from spane.model.expressions import Compare, Not, OneOf
from spane.model.plan import Gate

T = TypeVar("T")


class With:
    """A block of a body, to be entered by `with`."""

    def __init__(self, trace: Trace, what: str, gate: Gate | None, *, in_order: bool = False) -> None:
        self._trace = trace
        self.block: Block = trace.blocks.make(what, gate, locations.caller(), in_order=in_order)

    def __enter__(self) -> Self:
        self._require_active()
        if self._trace.blocks.is_open(self.block):
            refuse(self._trace, f"{self.block.what} is entered inside itself. Take the inner `with` out.")
        self._trace.blocks.enter(self.block, locations.caller())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._trace.blocks.leave(self.block)

    def _require_active(self) -> None:
        self._trace.require_active(self.block.what, self.block.what)


class BranchBlock(With):
    """A block whose calls run only where its branch is taken."""


class InOrder(With):
    """A block whose calls run one after the other."""


class When(With):
    """The block of a `when`: its calls run where the condition holds."""

    def __init__(self, trace: Trace, condition: Any) -> None:
        test = condition_of(condition, "when").test
        self._decision = trace.deciders.of(test, trace.blocks.gates, locations.caller())
        gate = trace.deciders.branch(self._decision.node, "when", self._decision.holds)
        self._name = gate.branch
        self._gates = trace.blocks.gates
        self._has_otherwise = False
        super().__init__(trace, "when(...)", gate)

    def otherwise(self) -> BranchBlock:
        """Return the block whose calls run where the condition does not hold."""
        self._require_active()
        if self._trace.blocks.is_open(self.block):
            refuse(
                self._trace, "otherwise() stands inside the block of its own when. Put it on the level of that `with`."
            )
        if self._trace.blocks.gates != self._gates:
            refuse(
                self._trace, "otherwise() stands in another block than its when. Put it on the level of that `with`."
            )
        if self._has_otherwise:
            self._trace.fault("repeated-branch", "this when has an otherwise() already. Put the calls into one.")
        self._has_otherwise = True
        name = f"otherwise{self._name.removeprefix('when')}"
        gate = self._trace.deciders.branch(self._decision.node, name, self._decision.fails)
        return BranchBlock(self._trace, "otherwise()", gate)


class Switch(With, Generic[T]):
    """The block of a `switch`, which holds those of its cases."""

    def __init__(self, trace: Trace, value: Reference) -> None:
        at = point(value)
        self._value = value
        self._node, self._source = trace.deciders.of_value(
            at.source, at.annotation, trace.blocks.gates, locations.caller()
        )
        self._name = trace.deciders.name("switch")
        self._open: Block | None = None
        self._cases: list[msgspec.Raw] = []
        self._known: set[domains.Key] = set()
        self._has_default = False
        super().__init__(trace, "switch(...)", None)

    def case(self, value: T, /, *more: T) -> BranchBlock:
        """Return the block whose calls run where the value is equal to `value`, or to one of `more`."""
        self._require_place("case")
        found = [constant(self._trace, self._value, one) for one in (value, *more)]
        if self._has_default:
            self._trace.fault("misplaced-case", "a case stands after default(). Put default() last.")
        for one in found:
            if _key(one.raw) in self._known:
                shown = bytes(one.raw).decode()
                message = f"this switch has a case for {shown} already, so only that one runs. Take one of the two out."
                self._trace.fault("repeated-branch", message)
            self._known.add(_key(one.raw))
        self._cases += [one.raw for one in found]
        [first, *others] = found
        condition = (
            OneOf(self._source, tuple(one.raw for one in found)) if others else Compare("==", self._source, first)
        )
        name = case_name(self._name, json.loads(bytes(first.raw)), len(self._cases))
        return self._branch(f"case({', '.join(bytes(one.raw).decode() for one in found)})", name, condition)

    def default(self) -> BranchBlock:
        """Return the block whose calls run where the value is equal to none of the cases."""
        self._require_place("default")
        if self._has_default:
            self._trace.fault("repeated-branch", "this switch has a default() already. Put the calls into one.")
        if not self._cases:
            self._trace.fault("misplaced-case", "default() stands before any case, so it always runs. Put it last.")
        self._has_default = True
        return self._branch("default()", f"{self._name}.default", Not(OneOf(self._source, tuple(self._cases))))

    def _branch(self, what: str, name: str, condition: Any) -> BranchBlock:
        block = BranchBlock(self._trace, what, self._trace.deciders.branch(self._node, name, condition))
        self._open = block.block
        return block

    def _require_place(self, what: str) -> None:
        self._require_active()
        if not self._trace.blocks.is_open(self.block):
            refuse(self._trace, f"{what}() stands outside its switch. Put it inside `with switch(...) as s:`.")
        if self._open is not None and self._trace.blocks.is_open(self._open):
            refuse(self._trace, f"{what}() stands inside another case of its switch. Put it on the level of that case.")


def when(condition: bool, /) -> When:
    """Open a block whose calls run only where a condition holds: of values that are known at run time.

    Args:
        condition: a comparison of references, several joined by `&` and `|`, `not_(...)`, `is_none(...)`,
            `one_of(...)`, or a reference to a bool.

    Raises:
        ReferenceMisuse: it is a finished bool, or this is no workflow's body.

    >>> with when(order.total > 100) as big:
    ...     approval = approve(order)
    ... with big.otherwise():
    ...     note = skip_approval(order)

    """
    return When(_trace("when"), condition)


def switch(value: T, /) -> Switch[T]:
    """Open a block of cases, of which the one runs that a value is equal to at run time.

    Args:
        value: a reference.

    Raises:
        ReferenceMisuse: it is none, or this is no workflow's body.

    >>> with switch(order.country) as country:
    ...     with country.case("AT"):
    ...         parcel = by_post(order)
    ...     with country.default():
    ...         letter = ask_for_quote(order)

    """
    trace = _trace("switch")
    if not isinstance(value, Reference):
        refuse(
            trace, f"switch takes a reference, and got {value!r}. What is known already needs a plain `if` or `match`."
        )
    trace.require_active(value, "switch")
    return Switch(trace, value)


def in_order() -> InOrder:
    """Open a block whose calls run one after the other, whether or not one takes what another gives.

    The order decides on nothing else: one that is skipped holds nobody up, and a branch inside keeps its condition.

    Raises:
        ReferenceMisuse: this is no workflow's body.

    >>> with in_order():
    ...     announce(order)
    ...     sleep(order, 3600)
    ...     ship(order)

    """
    trace = ACTIVE.get()
    if trace is None:
        refuse(None, "in_order stands outside a workflow's body. A plain function runs in order by itself.")
    return InOrder(trace, "in_order()", None, in_order=True)


def _trace(what: str) -> Trace:
    trace = ACTIVE.get()
    if trace is None:
        refuse(None, f"{what} stands outside a workflow's body. In a plain function write `if`.")
    return trace


def _key(raw: msgspec.Raw) -> domains.Key:
    return domains.key(json.loads(bytes(raw)))
