"""What follows an execution's failure or its cancel, its undos and the handler, as far as it has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from spane.model import items
from spane.model.plan import PlanNode, is_step
from spane.runtime.layout import parts
from spane.runtime.store import Store, translated

_READ_A_TRIP = 500


def plan_steps(store: Store, plan_hash: str) -> dict[str, PlanNode]:
    """Return what may follow a failure of a plan's executions, by its ids; one stands for all items of a map."""
    pages = (store.plan_page(plan_hash, number) for number in range(store.plan_head(plan_hash).pages + 1))
    return {name: node for page in pages if page is not None for name, node in page.by_id.items() if is_step(name)}


def steps(store: Store, execution: str, plan_hash: str) -> dict[str, str]:
    """Return the fields of `x:<execution>` of the steps that followed its failure."""
    found: dict[str, str] = {}
    for part in parts(_each_of(store, execution, plan_steps(store, plan_hash)), _READ_A_TRIP):
        values = zip(part, store.fields(execution, *part), strict=True)
        found.update((name, text) for name, text in values if text is not None)
    return found


def _each_of(store: Store, execution: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the steps of a plan; where one stands for all items of a map, that of each item there is."""
    for name in names:
        undone, mark, step = name.partition(items.MARK)
        if not mark:
            yield name
        elif (counts := store.fields(execution, f"@m:{undone}")[0]) is not None:
            total = int(counts.partition("|")[0])
            yield from (f"{undone}{mark}{index}{step}" for index in range(total))


def to_be_undone(store: Store, execution: str) -> list[str]:
    """Return the nodes whose undo is still to come, the next one first; grows with the graph."""
    with translated():
        names: Any = store.client.lrange(store.keys.to_be_undone(execution), 0, -1)
    return [name.decode() for name in reversed(names)]
