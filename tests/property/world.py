"""A world in which the transitions meet faults in an order that one seed decides.

Actors are generators: each `yield` is one call to the store (or a `Pause`), and what comes back is its reply. The
scheduler picks who goes next, moves the clock, and lets a fault strike: a crash before or after a call, a call or its
reply lost, a call carried out long after its caller gave up, a pause past the lease, a duplicate or a lost hint, a step
of the server's clock. Every step draws from a random generator of its own, made of seed and step number, so that a
fault can be taken out of a failing schedule and the rest stays as it was.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

from spane.model.outcome import NodeError, encode_error
from spane.model.plan import Plan, PlanNode
from spane.model.waits import WAIT_FOR_EVENT
from spane.runtime import layout, scripts, stream
from spane.runtime.keys import Keys
from spane.runtime.scripts import Script
from spane.runtime.store import Limits, Start, Store
from tests.property import limits
from tests.property.shapes import CROWDED, SHAPES, below
from tests.replay import Violation
from tests.servers import forget_scripts

LEASE_MS = 5_000
LIMITS = Limits(lease_ms=LEASE_MS, retention_ms=60_000, dead_letter_retention_ms=7 * 86_400_000, patience_ms=5_000)
#: Children in one chunk here, instead of 500, so that small graphs use cursors.
CHUNK = 3
QUEUES = ("default", "side")

Call = tuple[Any, ...]
Actor = Generator[Any, Any, None]


class Lost(Exception):
    """The connection broke: the call may or may not have been carried out."""


@dataclass(frozen=True)
class Pause:
    """An actor does something for so long, in milliseconds, without calling the store."""

    ms: int


@dataclass(frozen=True)
class Death:
    """An actor's process dies."""


class StepClock:
    """The server's clock, moved by the scheduler alone."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    @property
    def injected(self) -> str:
        return str(self.ms)


@dataclass(frozen=True)
class Schedule:
    """Everything that decides a run. `without` names steps whose fault is taken out; it is what shrinking fills."""

    seed: int
    shape: str | None = None
    executions: int = 2
    workers: int = 3
    steps: int = 250
    fault_rate: float = 0.05
    without: tuple[int, ...] = ()

    def as_json(self) -> str:
        return json.dumps(dict(vars(self), without=list(self.without)))

    @classmethod
    def from_json(cls, raw: str | Mapping[str, Any]) -> Schedule:
        fields = json.loads(raw) if isinstance(raw, str) else dict(raw)
        return cls(**{**fields, "without": tuple(fields["without"])})


@dataclass
class Result:
    """What a schedule came to."""

    violations: list[Violation]
    faults: dict[int, str]
    calls: int
    order: str


@dataclass
class Running:
    """An actor, what it waits to do, and until when it is busy."""

    actor: Actor
    make: Callable[[], Actor]
    wants: Any = None
    busy_until_ms: int = 0
    killable: bool = False
    name: str = ""

    def advance(self, reply: Any) -> bool:
        """Give the actor its reply and take its next wish; False when it has nothing more to do."""
        try:
            self.wants = self.actor.throw(reply) if isinstance(reply, Lost) else self.actor.send(reply)
        except StopIteration:
            return False
        return True


@dataclass
class World:
    """One schedule being run on one store."""

    store: Store
    schedule: Schedule
    clock: StepClock
    plans: list[Plan] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    late: list[tuple[int, Call]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    actors: list[Running] = field(default_factory=list)
    calls: int = 0
    mended: int = 0
    calm: bool = False
    lost_by_hand: bool = False
    sessions: int = 0
    marked: dict[str, int] = field(default_factory=dict)
    healed: set[tuple[str, str]] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)

    healing: bool = False
    limited: bool = False
    pools: dict[str, int] = field(default_factory=dict)

    complaints: list[Violation] = field(default_factory=list)

    def complain(self, invariant: str, text: str) -> None:
        """Note what an actor found wrong."""
        self.complaints.append(Violation(invariant, "", text))

    def call(self, name: str, *arguments: Any) -> Any:
        """Carry out a call now, at the server's time of now."""
        self.calls += 1
        if name in _TIMED:
            arguments = (self.clock.injected, *arguments[1:])
        reply = self.store.call(name, *arguments)
        problem = limits.wrong(self.store, self.pools, healed=bool(self.healing)) if self.limited else None
        if problem and not self.lost_by_hand:
            self.complain("I5", f"after {name}: {problem}")
            self.limited = False
        return reply

    def _any_shape(self, rng: random.Random) -> str:
        """Return a shape; what came later is drawn apart, so that the schedules of before are what they were."""
        shape = rng.choice(sorted(SHAPES.keys() - {CROWDED}))
        return CROWDED if random.Random(f"{self.schedule.seed}/crowded").random() < 0.1 else shape

    # The steps.

    def run(self) -> None:
        """Run the schedule, let faults stop, and go on until everything has ended."""
        self.store.client.flushdb()
        rng = self._rng(-1)
        shape = self.schedule.shape or self._any_shape(rng)
        for number in range(self.schedule.executions):
            plan = SHAPES[shape](random.Random(f"{self.schedule.seed}/{number}"), f"flow{number}")
            for each in (*below(plan), plan):
                self._put_plan(each)
            self.plans.append(plan)
        kids = [kid for plan in self.plans for kid in below(plan)]
        self.pools = limits.pools(kids)
        self.limited = any(plan.limit or any(node.limit for node in plan.nodes) for plan in (*kids, *self.plans))
        self._people()
        for step in range(self.schedule.steps):
            self._step(step)
        self.calm = True
        for _, call in self.late:
            self.call(*call)
        self.late.clear()
        self._settle()

    def _rng(self, step: int) -> random.Random:
        return random.Random(self.schedule.seed * 1_000_003 + step)

    def _put_plan(self, plan: Plan) -> None:
        for part in layout.parts(layout.fields_of(plan, chunk=CHUNK), 250):
            self.store.call("put_plan", plan.hash, 86_400_000, *(item for pair in part for item in pair))

    def _people(self) -> None:
        from tests.property import actors  # noqa: PLC0415 - the actors are written in terms of this module

        for number, plan in enumerate(self.plans):
            self._add(f"client{number}", lambda plan=plan, number=number: actors.client(self, plan, number))
        for number in range(self.schedule.workers):
            self._add(f"worker{number}", lambda number=number: actors.worker(self, number), killable=True)
        self._add("rescuer", lambda: actors.rescuer(self))
        self._add("sweeper", lambda: actors.sweeper(self))
        if any(node.type == WAIT_FOR_EVENT for plan in self.plans for node in plan.nodes):
            self._add("signaller", lambda: actors.signaller(self))
        if self._rng(-2).random() < 0.25:
            self._add("canceller", lambda: actors.canceller(self))
        if self._rng(-3).random() < 0.4:
            self._add("pauser", lambda: actors.pauser(self))
        if self._rng(-4).random() < 0.6:
            self._add("healer", lambda: actors.healer(self))

    def _add(self, name: str, make: Callable[[], Actor], *, killable: bool = False) -> None:
        running = Running(make(), make, killable=killable, name=name)
        running.wants = next(running.actor)
        self.actors.append(running)

    def _step(self, step: int) -> None:
        rng = self._rng(step)
        self.clock.ms += rng.choice((0, 1, 5, 20, 60, 200))
        if self.late and self.late[0][0] <= step:
            self.call(*self.late.pop(0)[1])
        fault = self._fault(step, rng)
        if fault in _DISTURBANCES:
            self._disturb(fault, rng)
            return
        ready = [actor for actor in self.actors if actor.busy_until_ms <= self.clock.ms]
        if not ready:
            self.clock.ms = min(actor.busy_until_ms for actor in self.actors)
            return
        self._turn(rng.choice(ready), fault, step, rng)

    def _fault(self, step: int, rng: random.Random) -> str | None:
        strikes, kind = rng.random() < self.schedule.fault_rate, rng.choice(_FAULTS)
        if not strikes or self.calm or step in self.schedule.without:
            return None
        self.faults[step] = kind
        return kind

    def _turn(self, actor: Running, fault: str | None, step: int, rng: random.Random) -> None:
        wants = actor.wants
        if isinstance(wants, Death):
            self._restart(actor)
        elif isinstance(wants, Pause) or wants is None:
            actor.busy_until_ms = self.clock.ms + (wants.ms if wants else 0)
            if fault == "pause":
                actor.busy_until_ms += round(LEASE_MS * rng.uniform(1, 3))
            self._advance(actor, None)
        elif fault == "crash before" and actor.killable:
            self._restart(actor)
        elif fault == "crash after" and actor.killable:
            self.call(*wants)
            self._restart(actor)
        elif fault == "call lost":
            self._advance(actor, Lost())
        elif fault == "reply lost":
            self.call(*wants)
            self._advance(actor, Lost())
        elif fault == "late":
            self.late.append((step + rng.randrange(1, 40), wants))
            self.late.sort(key=lambda entry: entry[0])
            self._advance(actor, Lost())
        else:
            self._advance(actor, self.call(*wants))

    def _advance(self, actor: Running, reply: Any) -> None:
        if not actor.advance(reply):
            self.actors.remove(actor)

    def _restart(self, actor: Running) -> None:
        actor.actor.close()
        actor.actor = actor.make()
        actor.wants = next(actor.actor)
        actor.busy_until_ms = 0

    def _disturb(self, fault: str, rng: random.Random) -> None:
        client = self.store.client
        lists = sorted(key for key in client.keys(f"{self.store.keys.queues}*") if client.llen(key))
        if fault in ("clock back", "clock forward"):
            step_ms = rng.choice((1_000, 60_000, 3_600_000)) * (-1 if fault == "clock back" else 1)
            self.clock.ms += step_ms
            for actor in self.actors:  # Only the server's clock is stepped; everybody else waits as long as before.
                actor.busy_until_ms += step_ms
        elif fault == "script flush":
            forget_scripts(client)
        elif fault == "forget session":
            sessions = client.zrange(self.store.keys.sessions, 0, -1)
            if sessions:
                client.zrem(self.store.keys.sessions, rng.choice(sessions))
                self.lost_by_hand = True
        elif lists and fault == "duplicate hint":
            key = rng.choice(lists)
            client.rpush(key, rng.choice(client.lrange(key, 0, -1)))
        elif lists:
            client.delete(rng.choice(lists))
            self.lost_by_hand = True

    def _settle(self) -> None:
        """Go on without faults until every execution has ended, or for so long that it never will.

        Undos that kill their workers, below one another, were seen to need more than 6,000 steps.
        """
        quiet = 0
        for extra in range(10_000):
            self._step(1_000_000 + extra)
            if extra % 50 == 0:
                self.clock.ms += 3_000
                due = self.store.client.zrange(self.store.keys.timers, 0, 0, withscores=True)
                if due and due[0][1] - self.clock.ms > 10_000:
                    self.clock.ms = int(due[0][1])
            if extra % 10 == 0 and not any(actor.name.startswith("client") for actor in self.actors):
                quiet = 0 if self._active() else quiet + 1
                if quiet > 3:
                    return

    def _active(self) -> bool:
        return bool(self.store.client.zcard(self.store.keys.active))

    def idle(self) -> Store:
        """Let dead sessions and stale hints be cleared away, as a worker would in time; returns the store."""
        # Past all that was set an hour ahead, by each clock that was set back since.
        self.clock.ms += 4_000_000 * (1 + list(self.faults.values()).count("clock back"))
        for turn in range(200):
            # Children follow their parents by cursors, one in each step here.
            if turn > 11 and not self.store.client.llen(self.store.keys.cursors):
                break
            self.call(
                "rescue", self.clock.injected, 500, LIMITS.retention_ms, LIMITS.dead_letter_retention_ms, LEASE_MS
            )
            self.call(
                "sweep", self.clock.injected, 0, 100, 100_000, LIMITS.dead_letter_retention_ms, LIMITS.retention_ms
            )
            lanes = [f"{queue}{lane}{mark}" for queue in QUEUES for lane in ("", "~") for mark in ("!", "+", "")]
            lone, keyless = (
                ",".join(f"{queue}{lane}{mark}" for queue in QUEUES for lane in ("", "~")) for mark in ("!!", "?")
            )
            self.call(
                "fetch", self.clock.injected, "cleaner", LEASE_MS, "cleaner.0.", ",".join(lanes), 50, "", 0,
                lone, 1, 100, LIMITS.retention_ms, LIMITS.dead_letter_retention_ms, 0, keyless, 50,
            )  # fmt: skip
        return self.store

    def order(self) -> str:
        """Return a digest of the order of events, to tell schedules apart."""
        told = [f"{event.kind}{event.node}" for event in stream.events(self.store)]
        return hashlib.sha256("|".join(told).encode()).hexdigest()[:12]


_TIMED = frozenset(
    {
        "start",
        "ask_breaker",
        "tell_breaker",
        "fetch",
        "commit",
        "expand",
        "renew",
        "rescue",
        "sweep",
        "give_back",
        "cancel",
        "pause",
        "resume",
        "heal",
        "discard",
        "descend",
        "undo",
        "await",
        "signal",
        "sort",
    }
)
_DISTURBANCES = ("duplicate hint", "delete queue", "forget session", "clock back", "clock forward", "script flush")
_FAULTS = (
    "crash before", "crash before", "crash after", "call lost", "reply lost", "reply lost", "late", "pause", "pause",
    *_DISTURBANCES,
)  # fmt: skip


def error_of(node: str, attempt: int) -> bytes:
    """Return the JSON of a failure."""
    return encode_error(NodeError("builtins:ValueError", "it failed", node, attempt))


def start_of(plan: Plan, number: int, delay_ms: int) -> Start:
    """Return a start with a key."""
    inputs = json.dumps({"n": number}).encode()
    return Start(
        f"x{number}",
        plan.hash,
        plan.workflow,
        inputs,
        5,
        delay_ms,
        f"key{number}",
        "digest",
        pool=limits.POOL if plan.limit else "",
    )


def make_store(
    client: redis.Redis, *, functions: bool, mutate: Callable[[str, str], str] | None = None
) -> tuple[Store, StepClock]:
    """Return a store with small chunks and a clock that the scheduler moves; `mutate(name, text)` changes scripts."""
    clock = StepClock()
    store = Store(client, Keys(), clock=clock, limits=LIMITS, functions=functions)  # type: ignore[arg-type]
    store.scripts = dict(_changed(mutate, functions=functions))
    return store, clock


def _changed(mutate: Callable[[str, str], str] | None, *, functions: bool) -> Iterator[tuple[str, Script]]:
    for name, source in scripts.sources().items():
        text = source.replace("local CHUNK = 500", f"local CHUNK = {CHUNK}")
        text = text.replace("local CHILDREN_A_STEP = 50", "local CHILDREN_A_STEP = 1")
        text = text.replace("BREAKER_KEPT_MS = 100,", f"BREAKER_KEPT_MS = {CHUNK},")
        if mutate is not None:
            text = mutate(name, text)
        yield name, scripts.as_function(name, text) if functions else scripts.as_script(name, text)


def nodes_of(plan: Plan) -> dict[str, PlanNode]:
    """Return a plan's nodes and steps by id."""
    return {node.id: node for node in (*plan.nodes, *plan.steps)}
