"""A small model of executions: what their events say, told again from the plan and the stream alone.

It exists to be compared with the store (I8) and to find events that cannot follow each other (I1, I2, I3, I4, I10).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from spane.model import items
from spane.model.event import Event, EventKind
from spane.model.plan import UNDO, PlanNode, is_step
from spane.model.rules import ITEMS_IN_FLIGHT, Each
from spane.model.waits import event_of
from tests.aftermath import Aftermath

#: What may stand in the store for a node whose events say so. A timer that comes due writes no event, and neither
#: does putting aside what an ending execution will not start.
_ALLOWED = {
    "waiting": "",
    "queued": "Q",
    "delayed": "TQ",
    "running": "R",
    "retrying": "TQ",
    "below": "AQ",
    "awaiting": "AQ",
    "signalled": "Q",
    "parked": "P",
    "limited": "LQ",
    "succeeded": "D",
    "failed": "F",
    "skipping": "",
    "skipped": "S",
    "undecided": "QTS",
    "cancelled": "C",
    "expanded": "A",
    "kept": "DFS",
    "refused": "AQ",
}

#: Where a node may stand that comes to its limit: it is queued, or was roused and is queued again, or asks by key while it runs.
_COME_TO_A_LIMIT = frozenset(
    {
        "queued",
        "delayed",
        "retrying",
        "lost",
        "undecided",
        "limited",
        "running",
        "refused",
        "signalled",
        "awaiting",
        "below",
    }
)


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and where."""

    invariant: str
    execution: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.execution}: {self.text}"


@dataclass
class Told:
    """What the events say about one node."""

    state: str = "waiting"
    token: str = ""
    attempt: int = 0
    failures: tuple[int, ...] = (0,)
    crashes: int = 0
    commits: int = 0
    timed: bool = False
    discarded: bool = False


@dataclass
class Replay:
    """What the events say about one execution."""

    execution: str
    plan: dict[str, PlanNode]
    found: list[Violation]
    status: str = "scheduled"
    generation: int = 1
    nodes: dict[str, Told] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    terminal_events: int = 0
    before_pause: str = ""
    deferred: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    late: bool = False
    offered: bool = False
    #: The execution that runs it as a child, and by which node.
    above: tuple[str, str] | None = None
    aftermath: Aftermath = field(init=False)

    def __post_init__(self) -> None:
        self.plan = dict(self.plan)
        self.nodes = {name: Told() for name in self.plan}
        self.aftermath = Aftermath(self.plan, self.bad, self._queue_step)
        called = {name: node for name, node in self.plan.items() if not is_step(name)}
        for name, node in called.items():
            for parent in node.awaited:
                self.children.setdefault(parent, []).append(name)
        for name, node in called.items():
            if not node.awaited:
                self._offer(name)

    @property
    def ended(self) -> bool:
        """Whether a terminal event has come."""
        return self.status in ("completed", "failed", "cancelled")

    def bad(self, invariant: str, text: str) -> None:
        """Note a violation."""
        self.found.append(Violation(invariant, self.execution, text))

    # Following the stream.

    def follow(self, event: Event) -> None:
        """Take one event in."""
        if event.kind is EventKind.NODE_PARKED and not event.node:
            return  # All of it waits for its plan.
        if event.node is not None and event.kind is not EventKind.EXECUTION_FAILED and event.node not in self.plan:
            self.bad("I8", f"{event.kind} names {event.node}, which its plan does not have")
            return
        getattr(self, f"_on_{event.kind.value}")(event)

    def _queue_step(self, name: str) -> None:
        told = self.nodes[name]
        if told.state != "waiting":
            self.bad("I14", f"{name} has its turn while it is {told.state}")
        told.state = "queued"

    def _offer(self, name: str) -> None:
        told = self.nodes[name]
        if told.state != "waiting":
            self.bad("I2", f"{name} was released while it was {told.state}")
        told.state = "delayed" if self.plan[name].delay_ms else "queued"

    def _release(self, name: str) -> None:
        """Release the children of a node whose arrival was the last one they waited for."""
        for child in self.children.get(name, ()):
            self._consider(child)

    def _consider(self, child: str) -> None:
        """Offer a node, or see it skipped, if all that it waits for has arrived."""
        if all(self._arrived(parent) for parent in self.plan[child].awaited):
            runs = self._runs(child)
            self._offer(child)
            if runs is not True:
                self.nodes[child].state = "undecided" if runs is None else "skipping"

    def _arrived(self, name: str) -> bool:
        told = self.nodes[name]
        if told.state in ("succeeded", "skipped", "kept"):
            return True
        return told.state == "failed" and self.plan[name].on_failure != "fail"

    def _skipped(self, name: str) -> bool:
        """Tell whether a node counts as skipped for its children."""
        told = self.nodes[name]
        return told.state == "skipped" or (told.state == "failed" and self.plan[name].on_failure == "skip")

    def _runs(self, name: str) -> bool | None:
        """Tell whether a node whose parents have all arrived runs; None where only its values know."""
        node = self.plan[name]
        if node.parents and not node.always_fed and all(map(self._skipped, node.parents)):
            return False
        opened = [self._opened(gate.node, gate.branch) for gate in node.gates]
        if False in opened:
            return False
        routed = any(self.plan[parent].routes is not None for parent in node.awaited)
        return None if None in opened or routed else True

    def _opened(self, name: str, branch: str) -> bool | None:
        """Tell whether a node opened a branch: what its config says it opens, in tests that decide so."""
        if self.nodes[name].state == "kept":
            return None
        if self.nodes[name].state != "succeeded":
            return False
        opens = json.loads(bytes(self.plan[name].config)).get("opens")
        return None if opens is None else branch in opens

    def _on_nodes_kept(self, event: Event) -> None:
        names = str((event.data or {})["nodes"]).split(",")
        for name in names:
            self.nodes[name].state = "kept"
        for child in dict.fromkeys(child for name in names for child in self.children.get(name, ())):
            if self.nodes[child].state == "waiting":
                self._consider(child)

    def _on_execution_started(self, event: Event) -> None:
        del event
        self.bad("I4", "it started twice")

    def _on_node_claimed(self, event: Event) -> None:
        told = self.nodes[event.node or ""]
        if is_step(event.node or ""):
            if self.status != "compensating":
                self.bad("I14", f"{event.node} was claimed while the execution was {self.status}")
        elif self.status not in ("scheduled", "running"):
            self.bad("I4", f"{event.node} was claimed while the execution was {self.status}")
        else:
            self.status = "running"
        if told.state == "waiting":
            self.bad("I3", f"{event.node} was claimed before its parents were done")
        elif told.state == "awaiting" and not told.timed:
            self.bad("I2", f"{event.node} was claimed while nothing had come that it waits for")
        elif told.state not in (
            "queued",
            "delayed",
            "retrying",
            "lost",
            "undecided",
            "below",
            "awaiting",
            "signalled",
            "limited",
            "refused",
        ):
            self.bad("I8", f"{event.node} was claimed as {event.token} while it was {told.state} as {told.token}")
        if event.attempt is not None and event.attempt - 1 not in told.failures:
            self.bad("I8", f"{event.node} was claimed as attempt {event.attempt} after {told.failures} failures")
        name = items.map_of(event.node or "")
        if name is not None:
            most = (self.plan[name].each or Each("")).max_in_flight or ITEMS_IN_FLIGHT
            if sum(self.nodes[one].state == "running" for one in self._items(name)) >= most:
                self.bad("I12", f"{event.node} was claimed while {most} items of {name} ran")
        told.state, told.token, told.attempt = "running", event.token or "", event.attempt or 0
        told.failures = (told.attempt - 1,)

    def _held(self, event: Event) -> Told:
        """Return the node of an event that only its holder may cause."""
        told = self.nodes[event.node or ""]
        if told.state != "running" or told.token != event.token:
            self.bad("I10", f"{event.kind} of {event.node} by {event.token}: it is {told.state} as {told.token}")
        return told

    def _on_node_succeeded(self, event: Event) -> None:
        self._commit(event, "succeeded")
        self.aftermath.succeeded(event.node or "")
        self._go_on_from(event.node or "")

    def _go_on_from(self, name: str) -> None:
        """Release children now, or when the execution goes on that is paused or ends."""
        self._rouse(name)
        if is_step(name):
            self.aftermath.step_ended()
        elif self.status == "running":
            self._release(name)
        elif self.status != "cancelling":
            self.deferred.append(name)

    def _offer_again(self) -> None:
        """Do what was put off: children of what ended meanwhile, and nodes that were put aside."""
        self.offered = True
        ended, self.deferred = self.deferred, []
        for child in dict.fromkeys(child for name in ended for child in self.children.get(name, ())):
            self._consider(child)
        for told in self.nodes.values():
            if told.state == "parked":
                told.state = "queued"

    def _on_node_skipped(self, event: Event) -> None:
        told = self.nodes[event.node or ""]
        if event.token is not None:
            self._commit(event, "skipped")
        elif told.state not in ("skipping", "undecided"):
            self.bad("I2", f"{event.node} was skipped while it was {told.state}")
        told.state = "skipped"
        self._go_on_from(event.node or "")

    def _on_node_expanded(self, event: Event) -> None:
        name = event.node or ""
        self._held(event).state = "expanded"
        item, undo = items.item_of(self.plan[name]), self.plan[name].undo
        policy = "continue" if items.counts_when_failed(self.plan[name]) else "fail"
        for index in range((event.data or {})["total"]):
            self.plan[f"{name}#{index}"] = msgspec.structs.replace(item, on_failure=policy)
            self.nodes[f"{name}#{index}"] = Told("queued")
            if undo is not None:
                self.plan[f"{name}#{index}{UNDO}"] = undo
                self.nodes[f"{name}#{index}{UNDO}"] = Told()

    def _items(self, name: str) -> list[str]:
        return [node for node in self.nodes if items.map_of(node) == name]

    def _rouse(self, item: str) -> None:
        """Let a map go on whose last item has ended."""
        name = items.map_of(item)
        if name is not None and all(self._arrived(one) for one in self._items(name)) and self.status != "cancelling":
            told = self.nodes[name]
            if told.state != "expanded":
                self.bad("I2", f"the items of {name} have ended while it was {told.state}")
            told.state, told.token = ("queued" if self.status == "running" else "parked"), ""

    def _on_node_failed(self, event: Event) -> None:
        told = self.nodes[event.node or ""]
        if told.state != "lost":  # A node whose worker died too often fails without having failed a try.
            told.failures = (told.failures[0] + 1,)
        self._commit(event, "failed")
        policy = (event.data or {}).get("policy")
        if policy != self.plan[event.node or ""].on_failure:
            self.bad("I8", f"{event.node} failed by policy {policy}, its plan says otherwise")
        if policy != "fail":
            self._go_on_from(event.node or "")

    def _commit(self, event: Event, state: str) -> None:
        told = self.nodes[event.node or ""]
        # The last of three crashes is reported as lost, and the dead letter follows in the same step.
        if not (state == "failed" and told.state == "lost" and told.token == event.token):
            self._held(event)
        told.commits += 1
        if told.commits > 1:
            self.bad("I1", f"{event.node} was committed {told.commits} times")
        if self.ended:
            self.bad("I4", f"{event.node} was committed after the execution had ended")
        told.state, told.token = state, event.token or ""

    def _on_node_retrying(self, event: Event) -> None:
        told = self._held(event)
        told.state, told.token = "retrying", event.token or ""
        told.failures = (told.failures[0], told.failures[0] + 1)

    def _on_node_cancelled(self, event: Event) -> None:
        told = self._held(event)
        if self.status != "cancelling":
            self.bad("I8", f"{event.node} was cancelled while the execution was {self.status}")
        told.state, told.token = "cancelled", event.token or ""

    def _on_node_lost(self, event: Event) -> None:
        told = self._held(event)
        crashes = (event.data or {})["crashes"]
        if crashes - told.crashes not in (0, 1):
            self.bad("I8", f"{event.node} went from {told.crashes} crashes to {crashes}")
        told.state, told.crashes = "lost", crashes

    def _on_node_returned(self, event: Event) -> None:
        told = self._held(event)
        told.state, told.token = "queued", ""

    def _on_node_parked(self, event: Event) -> None:
        told = self.nodes[event.node or ""]
        if str((event.data or {})["reason"]).startswith("limit of "):
            if told.state not in _COME_TO_A_LIMIT:
                self.bad("I8", f"{event.node} waits for its limit, but it was {told.state}")
            told.state = "limited"
            return
        # A running node is parked by a worker whose code does not fit: it is queued for one that does.
        told.state = (
            "queued" if told.state == "running" and self.status in ("running", "paused", "compensating") else "parked"
        )

    def _on_node_waiting(self, event: Event) -> None:
        """Take in what a node waits for: its child (again if that is healed, whatever it was), a time, an event, or its breaker."""
        told = self.nodes[event.node or ""] if not event.token else self._held(event)
        if "breaker" in str((event.data or {}).get("awaits")):
            told.state = "refused"
            return
        told.token, told.timed = event.token or "", (event.data or {})["timer_ms"] != ""
        name = event_of(self.plan[event.node or ""])
        told.state = "awaiting" if told.timed or name is not None else "below"
        # A signal that was kept for it is taken at once.
        if name is not None and self.kept.get(name):
            self.kept[name] -= 1
            told.state = "signalled"

    def _on_execution_signalled(self, event: Event) -> None:
        if event.node is not None:
            told = self.nodes[event.node]
            if told.state != "awaiting":
                self.bad("I2", f"{event.node} took a signal while it was {told.state}")
            told.state = "signalled"
        else:
            name = str((event.data or {})["event"])
            self.kept[name] = self.kept.get(name, 0) + 1

    def _on_attempt_fenced(self, event: Event) -> None:
        told = self.nodes[event.node or ""]
        if told.state == "running" and told.token == event.token:
            self.bad("I10", f"{event.node} was refused to its holder {event.token}")

    def _on_node_progress(self, event: Event) -> None:
        # The last item of a map may have roused it before it is told how far that is.
        counts = self.plan[event.node or ""].each is not None
        allowed = ("expanded", "queued", "parked") if counts else ("running",)
        if self.nodes[event.node or ""].state not in allowed:
            self.bad("I10", f"{event.node} reported progress while it was {self.nodes[event.node or ''].state}")

    def _on_dead_letter_retried(self, event: Event) -> None:
        told = self.nodes[event.node or ""]
        if is_step(event.node or ""):
            self._on_step_retried(event, told)
            return
        if told.state != "failed" or told.discarded or self.plan[event.node or ""].on_failure != "fail":
            self.bad("I8", f"{event.node} was retried as a dead letter while it was {told.state}")
        if self.status not in ("failed", "failing", "running", "scheduled", "paused") or (
            self.status == "failing" and self.late
        ):
            self.bad("I4", f"{event.node} was retried as a dead letter while the execution was {self.status}")
        told.state, told.token, told.failures, told.crashes, told.commits = "queued", "", (0,), 0, 0
        if self.status == "failed":
            self.aftermath.healed()
            if self.aftermath.handler is not None:
                self.nodes[self.aftermath.handler] = Told()
            self.generation += 1
            self.terminal_events = 0
            self.late = False
            self.status = "running"
            self._offer_again()
        elif self.status == "failing":
            self.status = "running"
            self._offer_again()
        elif self.status == "paused":
            told.state = "parked"
        if (event.data or {})["generation"] != self.generation:
            self.bad("I4", f"a retry names generation {(event.data or {})['generation']}, not {self.generation}")

    def _on_step_retried(self, event: Event, told: Told) -> None:
        if told.state != "failed" or told.discarded:
            self.bad("I8", f"{event.node} was retried as a dead letter while it was {told.state}")
        if self.status not in ("failed", "cancelled", "compensating"):
            self.bad("I4", f"{event.node} was retried as a dead letter while the execution was {self.status}")
        if self.ended:
            self.generation += 1
            self.terminal_events = 0
        self.nodes[event.node or ""] = Told()
        self.aftermath.retried(event.node or "")

    def _on_dead_letter_discarded(self, event: Event) -> None:
        told = self.nodes[event.node or ""]
        if told.state != "failed" or told.discarded:
            self.bad("I8", f"{event.node} was discarded as a dead letter while it was {told.state}")
        told.discarded = True

    def _on_execution_paused(self, event: Event) -> None:
        del event
        self.before_pause = self.status
        self._turn(("scheduled", "running"), "paused")

    def _on_execution_resumed(self, event: Event) -> None:
        del event
        self._turn(("paused",), self.before_pause)
        self._offer_again()

    def _on_execution_debounced(self, event: Event) -> None:
        del event
        if self.status not in ("scheduled", "paused"):
            self.bad("I8", f"it was put off while it is {self.status}")

    def _on_execution_parked(self, event: Event) -> None:
        del event
        if self.status != "scheduled":
            self.bad("I8", f"it waits for its limit while it is {self.status}")

    def _on_deadline_passed(self, event: Event) -> None:
        del event
        self.late = True
        if self.status == "scheduled":  # Its deadline runs since it began, of which nothing else tells before a claim.
            self.status = "running"

    def _on_execution_failing(self, event: Event) -> None:
        if event.node is None and not self.late:
            self.bad("I4", "it is failing by its deadline, which has not passed")
        self._turn(("running", "paused") if self.late else ("running",), "failing")

    def _on_execution_cancelling(self, event: Event) -> None:
        del event
        self._turn(("running", "failing", "scheduled", "cancelling", "paused"), "cancelling")

    def _on_execution_compensating(self, event: Event) -> None:
        before = ("scheduled", "running", "failing", "cancelling", "paused", "failed", "cancelled")
        if self.status == "completed" and self.above is not None:
            self.generation += 1
            self.terminal_events = 0
            before = ("completed",)
        self._turn(before, "compensating")
        self.aftermath.begin(str((event.data or {})["fate"]))

    def _on_execution_completed(self, event: Event) -> None:
        self._end(event, ("running",), "completed")
        done = ("succeeded", "failed", "skipped", "kept")
        open_ = [name for name, told in self.nodes.items() if told.state not in done and not is_step(name)]
        if open_:
            self.bad("I4", f"it completed, but these have not ended: {', '.join(open_)}")
        failed = [name for name, told in self.nodes.items() if told.state == "failed" and not self._arrived(name)]
        if failed:
            self.bad("I4", f"it completed, but these failed it: {', '.join(failed)}")

    def _on_execution_failed(self, event: Event) -> None:
        before = ("running", "failing", "compensating", *(("paused",) if self.late else ()))
        self._end(event, before, "failed")
        if event.node is None and self.late:
            return
        if event.node is None or self.nodes[event.node].state != "failed":
            self.bad("I4", f"it failed because of {event.node}, which has not failed")

    def _on_execution_cancelled(self, event: Event) -> None:
        self._end(event, ("scheduled", "running", "cancelling", "failing", "paused", "compensating"), "cancelled")

    def _end(self, event: Event, before: tuple[str, ...], status: str) -> None:
        self.terminal_events += 1
        if self.terminal_events > 1:
            self.bad("I4", f"terminal event number {self.terminal_events}: {event.kind}")
        if (event.data or {})["generation"] != self.generation:
            self.bad("I4", f"{event.kind} names generation {(event.data or {})['generation']}, not {self.generation}")
        running = [name for name, told in self.nodes.items() if told.state == "running"]
        if running:
            self.bad("I4", f"{event.kind}, but these still run: {', '.join(running)}")
        self.aftermath.ended(status, {name: told.state for name, told in self.nodes.items()})
        self._turn(before, status)

    def _turn(self, before: tuple[str, ...], status: str) -> None:
        if self.status not in before:
            self.bad("I4", f"it turned {status} while it was {self.status}")
        self.status = status

    # Comparing with the store.

    def allows_status(self, stored: str) -> bool:
        """Tell whether the stored status is the one told; a delayed start becomes due without an event."""
        return stored == self.status or (self.status == "scheduled" and stored == "running")

    def compare(self, name: str, entry: list[str] | None) -> str | None:
        """Return what is wrong about a node's entry, split at its bars; None when it is as told."""
        told = self.nodes[name]
        letters = "Q" if told.state == "lost" else _ALLOWED[told.state]
        if told.state == "awaiting" and not told.timed:
            letters = "A"
        if self.status not in ("running", "scheduled", "completed") and set(letters) & set("QT"):
            letters += "P"
            letters += "C" if told.state == "below" else ""
        elif self.offered and "Q" in letters:
            letters += "P"  # What was put aside is offered again in parts.
        if entry is None:
            pending_spread = told.state in ("queued", "delayed", "skipping", "undecided") and self.status != "completed"
            return None if told.state == "waiting" or pending_spread else f"{name} is {told.state}, but has no entry"
        letter, token, failures, crashes = entry[0], entry[1], int(entry[2]), int(entry[3])
        if letter not in letters:
            return f"{name} is {told.state}, but its entry says {'|'.join(entry)}"
        if told.state == "kept":
            return None
        if letter in "RDFC" and token != told.token:
            return f"{name} is {told.state} as {told.token}, but its entry says {token}"
        if failures not in told.failures or crashes != told.crashes:
            return f"{name} has {told.failures} failures, {told.crashes} crashes, but its entry says {'|'.join(entry)}"
        return None


def replay(
    events: Iterable[Event], plan_of: Callable[[str], dict[str, PlanNode]], found: list[Violation]
) -> dict[str, Replay]:
    """Tell all events again, execution by execution; violations are appended to `found`."""
    stories: dict[str, Replay] = {}
    last = (0, 0)
    for event in events:
        if not event.execution:
            continue  # A hint that was dropped, or a breaker.
        milliseconds, _, sequence = event.id.partition("-")
        position = (int(milliseconds), int(sequence))
        if position < last:
            found.append(Violation("I8", event.execution, f"event {event.id} stands after {last}"))
        last = position
        if event.kind is EventKind.EXECUTION_STARTED and event.execution not in stories:
            data = event.data or {}
            above = (data["parent"], data["parent_node"]) if data.get("parent") else None
            stories[event.execution] = Replay(event.execution, plan_of(data["plan"]), found, above=above)
        elif event.execution in stories:
            stories[event.execution].follow(event)
            _tell_family(stories, event)
        elif event.kind is not EventKind.ATTEMPT_FENCED:
            found.append(Violation("I8", event.execution, f"{event.kind} came before its start"))
    return stories


def _tell_family(stories: dict[str, Replay], event: Event) -> None:
    """Tell a parent of a child that completed, and find children that were left as they were by a parent that undid all it did."""
    story = stories[event.execution]
    if event.kind is EventKind.EXECUTION_COMPLETED and story.above is not None and story.aftermath.to_undo:
        parent, node = story.above
        if parent in stories and not stories[parent].ended:
            stories[parent].aftermath.child_completed(node)
    if event.kind in (EventKind.EXECUTION_FAILED, EventKind.EXECUTION_CANCELLED):
        for child in stories.values():
            parent, node = child.above or ("", "")
            left = child.status == "completed" and child.aftermath.to_undo
            if parent == story.execution and left and node + UNDO in story.plan:
                story.bad("I14", f"it {story.status}, but what {child.execution} did is not undone")
