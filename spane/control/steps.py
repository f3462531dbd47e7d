"""The steps that followed the failure of an execution, as they are shown: its undos in the order in which they ran, and its handler.

The undos of a map's items stand in one view, `pack#~undo`, as the items themselves do in that of the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from spane.control.views import NodeView
from spane.model import items
from spane.model.plan import UNDO
from spane.model.state import NODE_STATE_OF, NodeState

#: What shows in the view of a map's undos where they stand differently, the first of them that any has.
_TELLING = (NodeState.RETRYING, NodeState.RUNNING, NodeState.FAILED, NodeState.SUCCEEDED)


def views(ran: Mapping[str, str], left: Iterable[str], view: Callable[[str], NodeView]) -> dict[str, NodeView]:
    """Return a view of each step that ran, the first to come to its state first, and behind them of those to come.

    Args:
        ran: the fields of `x:<execution>` of steps, by their ids, in plan order.
        left: the nodes that are still to be undone, the next one first.
        view: gives the view of a step that ran or has none of that yet.

    """
    together: dict[str, list[NodeView]] = {}
    # Of those of one millisecond, what stands last in the plan was undone first; the handler comes after all undos.
    place = {name: at for at, name in enumerate(ran)}
    began = sorted(ran, key=lambda name: (_since(ran[name]), not name.endswith(UNDO), -place[name]))
    for name in [*began, *(node + UNDO for node in left)]:
        together.setdefault(items.program_of(name), []).append(view(name))
    return {name: _as_one(name, some) if items.MARK in name else some[0] for name, some in together.items()}


def undone(ran: Iterable[str]) -> frozenset[str]:
    """Return the nodes that were undone, or some of their items, given the ids of steps that ran."""
    return frozenset(name.removesuffix(UNDO).partition(items.MARK)[0] for name in ran if name.endswith(UNDO))


def unfinished(ran: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of steps that have not come to their end."""
    return {name: text for name, text in ran.items() if not NODE_STATE_OF[text[0]].ended}


def _since(text: str) -> int:
    return int(text.split("|")[4])


def _as_one(name: str, some: list[NodeView]) -> NodeView:
    ended = [view for view in some if view.state.ended]
    states = {view.state for view in some}
    telling = next((state for state in _TELLING if state in states), some[-1].state)
    state = NodeState.RUNNING if len(ended) < len(some) and telling.ended else telling
    error = next((view.error for view in some if view.error is not None), None)
    return replace(some[0], id=name, state=state, error=error, done=len(ended), total=len(some))
