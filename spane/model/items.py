"""The two sides of a map in a plan: the node that splits and joins the list, and the node that each of its items is.

The item number 3 of the map `pack` is the node `pack#3` of its execution, and what undoes it is the step `pack#3~undo`.
All items share one profile and one program, under the id `pack#`, and so do their undos, under `pack#~undo`; no other id
has a `#`.
"""

from __future__ import annotations

import msgspec

from spane.model.expressions import Output, Source, leaves
from spane.model.plan import PlanNode, is_step
from spane.model.rules import RetryPolicy

MARK = "#"

#: What an item reads its own value from, as if a node of this id had put it out.
OWN = Output(MARK)


def program_of(node: str) -> str:
    """Return the id that a node of an execution has its profile and its program under: its own, or that of all items."""
    name, mark, rest = node.partition(MARK)
    if not mark:
        return node
    _, tilde, step = rest.partition("~")
    return name + mark + tilde + step


def map_of(node: str) -> str | None:
    """Return the map that an id of an execution is an item of, None if it is no item."""
    name, mark, _ = node.partition(MARK)
    return name if mark and not is_step(node) else None


def field_of(field: str, node: str) -> str:
    """Return the field of `o:<execution>` that a merged field of a node stands for: what is an item's own has its number."""
    before, mark, behind = field.partition(MARK)
    if not mark:
        return field
    name, _, rest = node.partition(MARK)
    return f"{before or MARK + name}{MARK}{rest.partition('~')[0]}{behind}"


def listed(node: PlanNode) -> tuple[str, Source]:
    """Return the argument of a map that is the list it goes over."""
    varied = node.each.parameter if node.each is not None else None
    return next(argument for argument in node.arguments if argument[0] == varied)


def counts_when_failed(node: PlanNode) -> bool:
    """Tell whether an item that used up its attempts counts as ended, so that the map goes on."""
    return node.on_failure != "fail" or (node.each is not None and node.each.on_item_failure != "fail")


def parts_of(node: PlanNode) -> tuple[tuple[PlanNode, str], ...]:
    """Return what a node stands for in a store, with flags of its own: itself, or a map and what its items are."""
    if node.each is None:
        return ((node, ""),)
    return (splitting(node), ""), (item_of(node), "i" if counts_when_failed(node) else "")


def splitting(node: PlanNode) -> PlanNode:
    """Return the node that a map itself is: it takes the list and nothing else, and waits for the items."""
    name, over = listed(node)
    return msgspec.structs.replace(
        node,
        arguments=((name, over),),
        args=(),
        parents=_feeding((over,)),
        waits=True,
        limit=None,
        is_async=False,
        retry=RetryPolicy(),
    )


def item_of(node: PlanNode) -> PlanNode:
    """Return the node that each item of a map is: it takes its own value, and what is the same for all."""
    varied, over = listed(node)
    rest = (*(source for name, source in node.arguments if name != varied), *node.args)
    only_listed = set(_feeding((over,))) - set(_feeding(rest))
    return msgspec.structs.replace(
        node,
        id=node.id + MARK,
        arguments=tuple((name, OWN if name == varied else source) for name, source in node.arguments),
        parents=(MARK, *(parent for parent in node.parents if parent not in only_listed)),
        after=(),
        gates=(),
        decides=(),
        routes=None,
        delay_ms=0,
        each=None,
        on_failure="fail",
    )


def _feeding(sources: tuple[Source, ...]) -> tuple[str, ...]:
    tips = (leaf.node for source in sources for leaf in leaves(source) if isinstance(leaf, Output))
    return tuple(dict.fromkeys(tips))
