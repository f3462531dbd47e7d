"""The invariants of the runtime, checked on a store after faults have stopped.

    I1  at most one commit per (execution, node)
    I2  a child is released once, when all of its parents are terminal
    I3  no child starts before its parents' commits
    I4  one terminal event per execution and generation, and nothing starts after it
    I5  whatever is pending has a hint, a lease or a timer
    I6  after faults stop, everything ends
    I7  nothing stays behind that has no end: no key without an expiry, no counter above zero
    I8  the events replay to exactly the stored state
    I10 a fenced attempt changes nothing
    I11 no key of another partition or namespace was touched
    I12 no more items of a map run at a time than may
    I14 in an execution that failed or was cancelled, every node that succeeded and has an undo is undone once, the last
        to succeed first, and then its handler hears of a failure; its children that had completed undo all that they did
        as well; in one that completed, nothing is undone

`check` reads the store and the stream alone, so every test may call it, whatever it did before. The replay stands in
`tests/replay.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spane.errors import UnknownExecution
from spane.model import items
from spane.model.plan import PlanNode, is_step
from spane.model.state import ExecutionState
from spane.runtime import stream
from spane.runtime.store import Store
from tests.replay import Replay, Violation, replay

_LASTING = ("ev", "ctl", "dl", "active", "ses", "unfit", "lease", "lims", "brs")


@dataclass(frozen=True)
class Pending:
    """All that can bring a node back: hints, leases, timers, cursors and live sessions of a store."""

    hints: frozenset[str]
    leases: dict[str, str]
    timers: frozenset[str]
    cursors: frozenset[str]
    sessions: frozenset[str]
    limited: frozenset[str]

    @classmethod
    def read(cls, store: Store) -> Pending:
        """Read everything that is pending. It looks at every key; for tests only."""
        client, keys = store.client, store.keys
        hints: set[str] = set()
        leases: dict[str, str] = {}
        for key in client.scan_iter(f"{keys.queues}*", count=1000):
            hints.update(hint.decode() for hint in client.lrange(key, 0, -1))
        for key in client.scan_iter(keys.session("*"), count=1000):
            leases.update((hint.decode(), token.decode()) for hint, token in client.hgetall(key).items())
        return cls(
            frozenset(hints),
            leases,
            frozenset(timer.decode() for timer in client.zrange(keys.timers, 0, -1)),
            frozenset(cursor.decode() for cursor in client.lrange(keys.cursors, 0, -1)),
            frozenset(session.decode() for session in client.zrange(keys.sessions, 0, -1)),
            frozenset(
                member.decode()
                for key in client.scan_iter(keys.pool("*") + ":w", count=1000)
                for member in client.zrange(key, 0, -1)
            ),
        )


def check(store: Store, executions: Iterable[str] | None = None, *, ended: bool = True) -> list[Violation]:
    """Return every violation; `ended` asks as well that every execution has ended (I6).

    `executions` are the ids whose starts were acknowledged: each must be known. Without them, all that have an event.
    """
    found: list[Violation] = []
    plans: dict[str, dict[str, PlanNode]] = {}
    stories = replay(stream.events(store), lambda plan_hash: _plan(store, plan_hash, plans), found)
    pending = Pending.read(store)
    for execution in executions if executions is not None else list(stories):
        if execution not in stories:
            found.append(Violation("I8", execution, "its start was acknowledged, but it has no event"))
            continue
        found += _check_execution(store, stories[execution], pending, ended=ended)
    return found


def leftovers(store: Store) -> list[Violation]:
    """Return what an idle store should not hold once everything has ended (I7), and keys outside of it (I11)."""
    client, prefix = store.client, store.keys.prefix
    found = []
    for raw in client.scan_iter("*", count=1000):
        key = raw.decode()
        if not key.startswith(prefix):
            if not key.startswith(("dramatiq:", "test:")):
                found.append(Violation("I11", key, "it stands outside of the partition"))
            continue
        name = key.removeprefix(prefix)
        if name.startswith("p:"):
            refs = client.hget(key, "refs") or b"0"
            if refs != b"0" or client.pttl(key) < 0:
                found.append(Violation("I7", key, f"refs is {refs.decode()} and its expiry {client.pttl(key)} ms"))
        elif name.startswith("wake:"):
            if client.llen(key) > 1:
                found.append(Violation("I7", key, f"it holds {client.llen(key)} tokens"))
        elif name not in _LASTING and client.pttl(key) == -1 and _size(store, key):
            found.append(Violation("I7", key, "it never expires"))
    active = client.zrange(store.keys.active, 0, -1)
    return found + [Violation("I7", execution.decode(), "it is still active") for execution in active]


def report(violations: Iterable[Violation]) -> str:
    """Return violations as lines, for an assertion's message."""
    return "\n".join(str(violation) for violation in violations)


def assert_holds(store: Store, executions: Iterable[str] | None = None, *, ended: bool = True) -> None:
    """Fail with every violation there is."""
    found = check(store, executions, ended=ended)
    assert not found, report(found)


def _size(store: Store, key: str) -> int:
    # fakeredis keeps lists and hashes that ran empty.
    kind = store.client.type(key)
    return {b"list": store.client.llen, b"hash": store.client.hlen}.get(kind, lambda _: 1)(key)


def _plan(store: Store, plan_hash: str, known: dict[str, dict[str, PlanNode]]) -> dict[str, PlanNode]:
    if plan_hash not in known:
        # The page behind the last one is that of the handler, if there is one.
        pages = range(store.plan_head(plan_hash).pages + 1)
        found = [store.plan_page(plan_hash, page) for page in pages]
        known[plan_hash] = {name: node for page in found if page is not None for name, node in page.by_id.items()}
    return known[plan_hash]


def _check_execution(store: Store, story: Replay, pending: Pending, *, ended: bool) -> list[Violation]:
    found: list[Violation] = []

    def bad(invariant: str, text: str) -> None:
        found.append(Violation(invariant, story.execution, text))

    try:
        fields = store.everything(story.execution)
    except UnknownExecution:
        if not story.ended:
            bad("I8", f"it is {story.status} by its events, but not in the store")
        return found
    status = fields["@st"]
    if not story.allows_status(status):
        bad("I8", f"it is {status}, by its events {story.status}")
    if ended and not ExecutionState(status).ended:
        bad("I6", f"it is still {status}: {_unfinished(fields)}")
    letters = {name: text.split("|") for name, text in fields.items() if not name.startswith("@")}
    aside = [item.decode() for item in store.client.lrange(f"{store.keys.prefix}k:{story.execution}", 0, -1)]
    _check_counters(fields, letters, pending, story, aside, bad)
    for node in story.plan:
        entry = letters.pop(node, None)
        problem = story.compare(node, entry)
        if problem:
            bad("I8", problem)
        if entry is not None:
            may_start = status == "running" or (status == "compensating" and is_step(node))
            lost = _orphaned(store, story.execution, node, entry, pending)
            # What was queued when an execution began to end may have lost its hint: nobody will start it.
            if (
                lost
                and not ExecutionState(status).ended
                and (may_start or entry[0] == "R" or (status == "paused" and entry[0] == "P"))
            ):
                bad("I5", lost)
        held = pending.leases.get(f"{story.execution}|{node}")
        if held is not None and (entry is None or entry[0] != "R" or entry[1] != held):
            bad("I7", f"{node} is leased as {held}, but its entry says {entry}")
    for node in letters:
        bad("I8", f"{node} is no node of its plan")
    _check_outputs(store, story, bad)
    return found


def _check_counters(
    fields: dict[str, str], letters: dict[str, list[str]], pending: Pending, story: Replay, aside: list[str], bad
) -> None:
    # A node that waits for its child counts as one that runs.
    running = sum(entry[0] == "R" or (entry[0] == "A" and entry[5] == "c") for entry in letters.values())
    if int(fields["@run"]) != running:
        bad("I7", f"@run is {fields['@run']}, but {running} nodes run")
    if story.status in ("running", "completed") and fields["@st"] != "scheduled":
        # The cursor of what was put aside is none of its own: what it stands for is open.
        moving = [cursor.split("|") for cursor in pending.cursors]
        cursors = sum(execution == story.execution and field not in ("k", "children") for execution, field, _ in moving)
        cursors += sum(item.startswith("cursor|") for item in aside)
        # A map cannot end before items that failed it are retried: it is not open meanwhile.
        held_up = {
            items.map_of(name) for name, entry in letters.items() if entry[0] == "F" and _fails_its_map(story, name)
        }
        open_ = sum(entry[0] in "QRTPAL" for name, entry in letters.items() if name not in held_up) + cursors
        if int(fields["@open"]) != open_:
            bad("I7", f"@open is {fields['@open']}, but {open_} nodes and cursors are open")


def _fails_its_map(story: Replay, name: str) -> bool:
    return name in story.plan and story.plan[name].on_failure == "fail"


def _unfinished(fields: dict[str, str]) -> str:
    nodes = [f"{name}={text}" for name, text in fields.items() if not name.startswith("@") and text[0] in "QRTPAL"]
    counters = f"@open={fields['@open']} @run={fields['@run']}"
    return f"{counters} {' '.join(nodes[:8])}{' ...' if len(nodes) > 8 else ''}"


def _orphaned(store: Store, execution: str, node: str, entry: list[str], pending: Pending) -> str | None:
    letter, token = entry[0], entry[1]
    hint = f"{execution}|{node}"
    if letter == "Q" and hint not in pending.hints:
        return f"{node} is queued, but no list holds its hint"
    if letter == "T" and f"n|{hint}" not in pending.timers:
        return f"{node} waits for a timer that is not there"
    if letter == "A" and entry[5] == "t" and f"w|{hint}" not in pending.timers:
        return f"{node} waits for a time, but its timer is not there"
    if letter == "R":
        if pending.leases.get(hint) != token:
            return f"{node} runs as {token}, but the lease says {pending.leases.get(hint)}"
        if token.partition(".")[0] not in pending.sessions:
            return f"{node} runs as {token}, whose session is gone"
    if letter == "L" and hint not in pending.limited:
        return f"{node} waits for a limit that does not know of it"
    if letter == "A" and entry[5] == "b":
        breaker = store.keys.breaker(store.fields(execution, f"@b:{node}")[0] or "")
        if hint.encode() not in store.client.lrange(f"{breaker}:w", 0, -1):
            return f"{node} waits at a breaker that does not know of it"
    if letter == "P":
        parked = [item.decode() for item in store.client.lrange(f"{store.keys.prefix}k:{execution}", 0, -1)]
        if not any(item.split("|")[:2] == ["node", node] for item in parked):
            return f"{node} is parked, but the list of parked nodes does not hold it"
    return None


def _check_outputs(store: Store, story: Replay, bad) -> None:
    names = list(story.plan)
    values = store.client.hmget(store.keys.outputs(story.execution), names)
    stored = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    for name, node in story.nodes.items():
        value = stored.pop(name, None)
        if node.state == "succeeded" and (value is None or value.startswith(b"!")):
            bad("I8", f"{name} succeeded, but its stored output is {value!r}")
        if node.state == "failed" and (value is None or not value.startswith(b"!")):
            bad("I8", f"{name} failed, but its stored error is {value!r}")
        if (
            node.state == "failed"
            and not node.discarded
            and not (items.map_of(name) and story.plan[name].on_failure == "continue")
            and store.client.zscore(store.keys.dead_letters, f"{story.execution}|{name}") is None
        ):
            bad("I8", f"{name} failed, but it is no dead letter")
        if node.state not in ("succeeded", "failed", "kept") and value is not None:
            bad("I10", f"{name} is {node.state}, but has an output")
    for name in stored:
        bad("I10", f"{name} never started, but has an output")
