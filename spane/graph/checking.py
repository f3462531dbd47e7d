"""The check of a draft: every fault and every warning at once."""

from __future__ import annotations

from spane.errors import Fault
from spane.graph import binding, branches, rules, steps, structure, waits
from spane.graph.wiring import Wiring, wire
from spane.model.draft import Draft


def check(draft: Draft) -> tuple[list[Fault], list[Fault]]:
    """Return all faults and all warnings of a draft, those that its writing already found first."""
    return examine(draft, wire(draft))


def examine(draft: Draft, wiring: Wiring) -> tuple[list[Fault], list[Fault]]:
    """Do the same as `check` for a draft whose wiring is known."""
    faults = [
        *draft.faults,
        *structure.names(draft),
        *structure.inputs(draft),
        *structure.types(draft),
        *structure.unreadable(draft),
        *structure.unwritable(draft),
        *structure.references(wiring),
        *structure.cycles(wiring),
        *structure.entry(draft, wiring),
        *structure.nesting(draft),
        *binding.bindings(draft, wiring),
        *branches.decided(wiring),
        *branches.absences(draft, wiring),
        *rules.options(draft),
        *waits.faults(draft),
        *steps.faults(draft),
    ]
    warnings = [*structure.unused(draft), *structure.unreachable(draft, wiring), *waits.warnings(draft)]
    return faults, [*draft.warnings, *warnings]
