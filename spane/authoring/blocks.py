"""What a trace knows of the branches of its body: which are open here, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spane.errors import Fault
from spane.model.draft import Call, Draft
from spane.model.node_type import Location
from spane.model.plan import Gate


@dataclass(slots=True, eq=False)
class Block:
    """One `with` of a body; `gate` is what it puts on the calls inside, None for a `switch` itself.

    One that is `in_order` puts each call after the one before, `last`.
    """

    what: str
    gate: Gate | None
    location: Location
    in_order: bool = False
    last: str | None = None
    entered: bool = False
    calls_before: int = 0


class Blocks:
    """The blocks of one trace."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._made: list[Block] = []
        self._open: list[Block] = []
        self._empty: list[Block] = []
        #: The calls that stand in a block which keeps their order.
        self.ordered: set[str] = set()
        #: Where branches were entered.
        self.entered: list[Location] = []

    @property
    def gates(self) -> list[Gate]:
        """The gates that a call written here stands behind, outermost first."""
        return list(dict.fromkeys(block.gate for block in self._open if block.gate is not None))

    def make(self, what: str, gate: Gate | None, location: Location, *, in_order: bool = False) -> Block:
        """Return a block that is yet to be entered."""
        block = Block(what, gate, location, in_order)
        self._made.append(block)
        return block

    def is_open(self, block: Block) -> bool:
        """Tell whether the code that runs now stands inside a block."""
        return any(one is block for one in self._open)

    def enter(self, block: Block, location: Location) -> None:
        """Let the calls that follow stand inside a block."""
        block.entered = True
        block.calls_before = len(self._draft.calls)
        self._open.append(block)
        if not block.in_order:
            self.entered.append(location)

    def follow(self, call: Call) -> None:
        """Put a call after the one before it in each block that keeps an order."""
        for block in self._open:
            if block.in_order:
                if block.last is not None and block.last not in call.after:
                    call.after.append(block.last)
                block.last = call.id
                self.ordered.add(call.id)

    def leave(self, block: Block) -> None:
        """Let the calls that follow stand outside of it."""
        self._open.remove(block)
        if len(self._draft.calls) == block.calls_before and block.gate is not None:
            self._empty.append(block)

    def faults(self) -> Iterator[Fault]:
        """Find blocks that were made and never entered: their calls would run always."""
        for block in self._made:
            if not block.entered:
                message = f"{block.what} stands without `with`, so no call is inside it. Write `with {block.what}:`."
                yield Fault("unused-branch", message, str(block.location))

    def warnings(self) -> Iterator[Fault]:
        """Warn of blocks without calls."""
        for block in self._empty:
            message = f"no node is called inside {block.what}, so the branch does nothing. Take it out."
            yield Fault("empty-branch", message, str(block.location))
