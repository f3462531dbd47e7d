"""How an execution stands, as far as it says why each of its nodes waits (`explaining`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import msgspec

from spane.control import reading, remedies
from spane.control.remedies import Remedy
from spane.errors import UnknownExecution
from spane.model import items
from spane.model.plan import PlanNode, is_step
from spane.model.state import ExecutionState, NodeState
from spane.ops.breakers import BreakerView, view
from spane.runtime import aftermath, breakers, letters, looking, pools
from spane.runtime.layout import ALONE_SUFFIX, SUFFIXES, parts, queue_of
from spane.runtime.looking import Place, Worker
from spane.runtime.pools import LimitView
from spane.runtime.store import Store

#: The places of at most so many nodes are looked up; more of one execution stand behind each other anyway.
_MOST_PLACES = 100


@dataclass(frozen=True, slots=True)
class NodeField:
    """A node's field in `x:<execution>` (lua/include/state.lua)."""

    letter: str
    token: str = ""
    failures: int = 0
    since_ms: int = 0
    flag: str = ""

    @classmethod
    def of(cls, text: str) -> NodeField:
        """Read the field as it is stored."""
        letter, token, failures, _crashes, since, flag = reading.entry(text)
        return cls(letter, token, int(failures), int(since), flag)


_NOTES_A_CALL = 600
_ITEMS_A_CALL = 500
#: Of each map, so many of the items that have begun and not ended are looked at.
ITEMS_SHOWN = 100
#: What is looked at of an execution besides its nodes.
_ASKED = (
    "@st", "@pl", "@pr", "@wf", "@due", "@t0", "@pause", "@why", "@bad", "@held", "@lim", "@fate", "@late", "@told", "@undone",
)  # fmt: skip
_WAITING = NodeField("W")


def fields_of(store: Store, execution: str) -> dict[str, str]:
    """Return what stands in `x:<execution>` besides its nodes, or raise `UnknownExecution`."""
    found = zip(_ASKED, store.fields(execution, *_ASKED), strict=True)
    fields = {name: text for name, text in found if text is not None}
    if "@st" not in fields:
        raise UnknownExecution(execution)
    return fields


class Standing:
    """What was read of an execution; what only some causes need is read when the first of them asks."""

    def __init__(self, store: Store, execution: str) -> None:
        self.store = store
        self.execution = execution
        self.fields = fields_of(store, execution)
        self.status = ExecutionState(self.fields["@st"])
        self.nodes = reading.plan_nodes(store, self.fields["@pl"])
        follows = "@fate" in self.fields
        begun = aftermath.steps(store, execution, self.fields["@pl"]) if follows else {}
        #: What may follow its failure or its cancel, where anything has.
        self.steps = reading.plan_steps(store, self.fields["@pl"], begun) if follows else {}
        self.every = self.nodes | self.steps
        found = reading.states_of(store, execution, self.nodes.values()) | begun
        self.states = {name: NodeField.of(found[name]) for name in self.every if name in found}
        #: How far each map has come, as it is stored.
        self.maps = {name: found[f"@m:{name}"] for name in self.nodes if f"@m:{name}" in found}
        #: The first items of each map that have begun and not ended; their fields stand with those of all other nodes.
        self.items: dict[str, list[PlanNode]] = {}
        for name in self.maps:
            if self.state(name).letter == "A":
                self._look_at_items(self.nodes[name])
        self._left_as = reading.left_as(*(self.fields.get(name) for name in reading.ENDS))
        self._limits: dict[str, LimitView] = {}
        self._breakers: dict[str, BreakerView] = {}

    def state(self, node: str) -> NodeField:
        """Return a node's field; of one that was never written, that it waits."""
        return self.states.get(node, _WAITING)

    def is_done(self, node: str) -> bool:
        """Whether the children of a node need not wait for it any more, or it will never come to be."""
        letter = self.state(node).letter
        if letter != "F" and not is_step(node) and self._left_as is NodeState.CANCELLED:
            return True
        return letter in "DSC" or (letter == "F" and not is_step(node) and self.every[node].on_failure != "fail")

    def limit(self, name: str) -> LimitView:
        """Return how a limit stands."""
        if name not in self._limits:
            self._limits |= pools.limits(self.store, [name])
        return self._limits[name]

    def breaker(self, name: str) -> BreakerView:
        """Return how a circuit breaker stands."""
        if name not in self._breakers:
            found = breakers.read(self.store, [name]).get(name, ({}, 0, 0))
            self._breakers[name] = view(name, *found)
        return self._breakers[name]

    def _look_at_items(self, node: PlanNode) -> None:
        _, begun, done, *_ = (int(count) for count in self.maps[node.id].split("|"))
        counts = items.counts_when_failed(node)
        found: list[tuple[str, NodeField]] = []
        # What has not ended is mostly among the last that have begun, so those are read first.
        newest_first = (f"{node.id}{items.MARK}{index}" for index in range(begun - 1, -1, -1))
        for part in parts(newest_first, _ITEMS_A_CALL):
            for name, text in zip(part, self.store.fields(self.execution, *part), strict=True):
                if text is not None and text[0] not in ("DSC" + "F" * counts):
                    found.append((name, NodeField.of(text)))
            if len(found) >= begun - done:
                break
        item = items.item_of(node)
        first = list(islice(reversed(found), ITEMS_SHOWN))
        self.states.update(first)
        self.items[node.id] = [msgspec.structs.replace(item, id=name) for name, _ in first]
        self.every = self.every | {one.id: one for one in self.items[node.id]}

    def may_start(self, node: str) -> bool:
        """Whether a node may start as its execution stands: include/state.lua has the same rule."""
        return self.status is ExecutionState.RUNNING or (self.status is ExecutionState.COMPENSATING and is_step(node))

    def priority(self, node: PlanNode) -> int:
        """Return the priority at which a node is queued."""
        return node.priority or int(self.fields["@pr"])

    def hint(self, node: str) -> str:
        """Return a node as queues and dead letters name it."""
        return f"{self.execution}|{node}"

    @cached_property
    def notes(self) -> Mapping[str, str]:
        """What stands beside nodes that wait for something: a breaker (`@b:`), a child (`@c:`), a limit (`@l:`)."""
        waiting = (name for name, state in self.states.items() if state.letter in "AL")
        asked = [f"@{kind}:{name}" for name in waiting for kind in "bcl"]
        found: dict[str, str] = {}
        for part in parts(asked, _NOTES_A_CALL):
            texts = zip(part, self.store.fields(self.execution, *part), strict=True)
            found.update((name, text) for name, text in texts if text is not None)
        return found

    @cached_property
    def workers(self) -> Mapping[str, Worker]:
        """Who works on this store, by session."""
        return looking.workers(self.store)

    @cached_property
    def lanes(self) -> Mapping[str, str]:
        """The lanes whose nodes no worker fitted, and why."""
        return self.store.unfit()

    @cached_property
    def places(self) -> Mapping[tuple[str, str], Place]:
        """Where queued nodes stand, by node and lane."""
        asked = [
            (name, lane, self.priority(self.every[name]))
            for name, state in self.states.items()
            if state.letter == "Q"
            for lane in self.lanes_of(self.every[name], state)
        ][:_MOST_PLACES]
        found = looking.places(self.store, [(lane, priority, self.hint(name)) for name, lane, priority in asked])
        return {(name, lane): place for (name, lane, _), place in zip(asked, found, strict=True)}

    @cached_property
    def died_at_ms(self) -> Mapping[str, int]:
        """When each dead letter of the execution came to be, by its node."""
        dead = (name for name, state in self.states.items() if state.letter == "F" and not self.is_done(name))
        found = {name: letters.died_at_ms(self.store, self.hint(name)) for name in dead}
        return {name: at_ms for name, at_ms in found.items() if at_ms is not None}

    @cached_property
    def remedies(self) -> Mapping[str, Remedy]:
        """What works for each dead letter, by its node."""
        return remedies.of_letters(self.store, self.execution, list(self.died_at_ms))

    def remedy(self, node: str) -> Remedy:
        """Return what works where this node failed."""
        return self.remedies.get(node) or remedies.of_lost(self.store, self.execution)

    def lanes_of(self, node: PlanNode, state: NodeField) -> list[str]:
        """Return the lanes in which a queued node may stand: the one of its queue, or one of those nobody fitted."""
        queue = queue_of(node)
        if state.token:
            return [lane for lane in self.lanes if lane.partition("@")[0] == queue]
        return [queue + SUFFIXES.get(state.flag, ALONE_SUFFIX)]
