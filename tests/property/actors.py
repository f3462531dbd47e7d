"""The actors of a schedule, each the shortest thing that calls the transitions as the runtime does."""

from __future__ import annotations

import hashlib
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from spane.model import items
from spane.model.plan import Plan, PlanNode
from spane.model.rules import ITEMS_IN_FLIGHT, Each
from spane.runtime.claim import Claim
from spane.runtime.layout import came_field
from tests.property.limits import RULES, key_of, pool_of_child
from tests.property.shapes import BREAKER, KIDS, TAKES_BACK
from tests.property.world import (
    LEASE_MS,
    LIMITS,
    QUEUES,
    Actor,
    Death,
    Lost,
    Pause,
    World,
    error_of,
    nodes_of,
    start_of,
)

RENEW_MS = 1_500
THREADS = 3
#: What a node needs whose code only some workers have.
NEWER = "newer"
_KEPT = (LIMITS.retention_ms, LIMITS.dead_letter_retention_ms)


def client(world: World, plan: Plan, number: int) -> Actor:
    """Start an execution, again and again until it is acknowledged, and once more with the same key."""
    rng = random.Random(f"{world.schedule.seed}/client{number}")
    start = start_of(plan, number, rng.choice((0, 0, 0, 400)))
    if number % 2:
        start = replace(start, key="", digest="")
    for repeat in range(1 + (rng.random() < 0.5)):
        if repeat and start.key:
            start = replace(start, execution=f"{start.execution}-again")
        while True:
            try:
                code, execution = yield ("start", *world.store.start_arguments(start))
            except Lost:
                continue
            break
        if code not in ((b"ok", b"again") if repeat == 0 else (b"again",)) or execution != b"x%d" % number:
            world.complain("I1", f"start number {repeat} answered {code!r}, {execution!r}")
        if execution.decode() not in world.started:
            world.started.append(execution.decode())
        yield Pause(rng.randrange(0, 3_000))


@dataclass
class Hands:
    """What a worker process knows: the same registers as the pump's."""

    session: str
    unstarted: list[Claim] = field(default_factory=list)
    running: list[Claim] = field(default_factory=list)
    finished: list[tuple[Claim, tuple[Any, ...]]] = field(default_factory=list)
    #: What a breaker said to attempts that it let pass, by token.
    passed: dict[str, bytes] = field(default_factory=dict)
    newer: bool = False
    sequence: int = 0
    broken: bool = False

    def token(self) -> str:
        self.sequence += 1
        return f"{self.session}.{self.sequence:x}"

    @property
    def known(self) -> list[str]:
        return [claim.token for claim in (*self.unstarted, *self.running, *(claim for claim, _ in self.finished))]

    def accept(self, rows: list[Any], sent: bytes | None = None) -> None:
        self.unstarted.extend(Claim(row, sent) for row in rows)


def worker(world: World, number: int) -> Actor:
    """Renew, fetch, run, commit and give back, in an order that the schedule's seed decides."""
    world.sessions += 1
    hands = Hands(f"s{number}x{world.sessions}")
    rng = random.Random(f"{world.schedule.seed}/{hands.session}")
    hands.newer = rng.random() < 0.5
    renewed_ms = -RENEW_MS
    while True:
        try:
            if world.clock.ms >= renewed_ms + RENEW_MS or world.clock.ms < renewed_ms:
                _, _, held, *_ = yield ("renew", world.clock.injected, hands.session, LEASE_MS, "0", "", 100)
                renewed_ms = world.clock.ms
                hands.broken = hands.broken or held > len(hands.known)
            elif hands.broken:
                hands.accept((yield ("resync", hands.session, *hands.known)))
                hands.broken = False
            else:
                yield from _work(world, hands, rng)
        except Lost:
            hands.broken = True


def _work(world: World, hands: Hands, rng: random.Random) -> Actor:
    room = THREADS - len(hands.unstarted) - len(hands.running)
    choices = ["commit"] * 3 * bool(hands.finished) + ["finish"] * 3 * bool(hands.running)
    choices += ["begin"] * 3 * bool(hands.unstarted) + ["return"] * (bool(hands.unstarted) and rng.random() < 0.1)
    choices += ["fetch"] * 2 * (room > 0)
    choice = rng.choice(choices) if choices else "rest"
    if choice == "commit":
        yield from _commit(world, hands, rng)
    elif choice == "finish":
        claim = hands.running.pop(rng.randrange(len(hands.running)))
        hands.finished.append((claim, _told_to_rest(world, claim, rng) or _outcome(world, hands, claim)))
    elif choice == "begin":
        yield from _begin(world, hands)
    elif choice == "return":
        claim = hands.unstarted.pop()
        yield ("give_back", world.clock.injected, hands.session, *_KEPT, claim.execution, claim.node, claim.token)
    elif choice == "fetch":
        yield from _fetch(world, hands, room, rng)
    else:
        yield Pause(50)


def _fetch(world: World, hands: Hands, room: int, rng: random.Random) -> Actor:
    tossed = random.Random(f"{world.schedule.seed}/{hands.session}/{hands.sequence}")
    fitting = ("!", *tossed.choice((("+", ""), ("", "+"))), *((f"@{NEWER}",) if hands.newer or world.calm else ()))
    lanes, loops = (",".join(f"{queue}{lane}{fit}" for queue in QUEUES for fit in fitting) for lane in ("", "~"))
    lone, keyless = (",".join(f"{queue}{lane}{mark}" for queue in QUEUES for lane in ("", "~")) for mark in ("!!", "?"))
    idle = not any(claim.alone for claim in (*hands.unstarted, *hands.running))
    reply = yield (
        "fetch", world.clock.injected, hands.session, LEASE_MS, f"{hands.token()}.", lanes, rng.randint(1, room),
        loops, rng.randint(0, 2), lone, int(idle), 100, *_KEPT, 0,
        keyless, tossed.randint(0, 3),
    )  # fmt: skip
    rows = reply[4:]
    hands.accept(rows)
    if not rows:
        yield Pause(rng.choice((5, 50, 300)))


def _begin(world: World, hands: Hands) -> Actor:
    claim = hands.unstarted.pop(0)
    if claim.is_unsorted:
        hands.finished.append((claim, _sorted(world, hands, claim)))
        return
    if claim.alone:
        # A mark whose reply is lost may stand; the attempt is not run, and comes to its end as one that is put off.
        hands.finished.append((claim, ("r", error_of(claim.node, claim.attempt), 10, 0)))
        world.marked[claim.token] = 1
        held = yield ("mark", claim.execution, claim.node, claim.token)
        hands.finished.remove(next(entry for entry in hands.finished if entry[0] is claim))
        if not held:
            return
    rule = _node(world, claim).breaker
    if rule is not None and (_node(world, claim).each is None or items.map_of(claim.node)):
        # Where the reply is lost, the attempt is adopted again and asks once more.
        (code, *_) = yield ("ask_breaker", world.clock.injected, claim.execution, claim.node, claim.token, rule.name)
        if code == b"fenced":
            return
        if code == b"open":
            hands.finished.append((claim, ("await", rule.name)))
            return
        hands.passed[claim.token] = code
    if _behaviour(world, claim)["kills"]:
        yield Death()
    hands.running.append(claim)
    yield Pause(10)


def _sorted(world: World, hands: Hands, claim: Claim) -> tuple[Any, ...]:
    """Return what becomes of a claim whose key is to be worked out; at times the worker cannot do that."""
    if _behaviour(world, claim)["newer"] and not hands.newer and not world.calm:
        return "u", NEWER.encode(), "it needs newer code", 0
    if claim.token[-1] in "05" and not world.calm:
        return "r", error_of(claim.node, claim.attempt), 10, 0
    return "sort", key_of(claim.node)


def _told_to_rest(world: World, claim: Claim, rng: random.Random) -> tuple[Any, ...] | None:
    if world.calm or rng.random() > 0.03:
        return None
    return "r", error_of(claim.node, claim.attempt), 400, "p"


def _outcome(world: World, hands: Hands, claim: Claim) -> tuple[Any, ...]:
    """Return (kind, payload, delay or reason, spends) of a node that behaves as its config says."""
    if _is_map(world, claim):
        return _of_map(world, claim)
    if _node(world, claim).child is not None:
        return _of_child(world, claim)
    if _node(world, claim).type == TAKES_BACK:
        return _of_undo(claim)
    if _behaviour(world, claim)["newer"] and not hands.newer and not world.calm:
        return "u", NEWER.encode(), "it needs newer code", 0
    if claim.execution in world.cancelled and claim.node[-1] in "02468" and not world.calm:
        return "x", error_of(claim.node, claim.attempt), 0, 0
    # Whoever retries a dead letter has mended what it died of.
    if claim.attempt <= _behaviour(world, claim)["fails"] and (claim.execution, claim.node) not in world.healed:
        kind = "r" if claim.attempt < _node(world, claim).retry.attempts else "f"
        return kind, error_of(claim.node, claim.attempt), 300, 1
    if _behaviour(world, claim)["skips"]:
        return "k", b"nothing to do", 0, 0
    values = dict(zip(claim.fields, claim.values or (), strict=True))
    told: dict[str, Any] = {"by": claim.token}
    if _node(world, claim).waits:
        came = values.pop(came_field(claim.node))
        if came is None:
            return "a", None, 0, 0
        if came == b"t" and not (_behaviour(world, claim)["or_null"] or world.calm):
            return "f", error_of(claim.node, claim.attempt), 0, 1
        told["came"] = came.decode()
    own = values.pop(items.MARK, None)
    number = claim.node.partition(items.MARK)[2].partition("~")[0]
    if number and own != number.encode():
        world.complain("I3", f"{claim.node} was given {own!r}, which is not its own")
    told["from"] = {items.field_of(name, claim.node): digest(value) for name, value in values.items()}
    return "s", json.dumps(told).encode(), 0, 0


def _is_map(world: World, claim: Claim) -> bool:
    return _node(world, claim).each is not None and items.map_of(claim.node) is None


def _of_child(world: World, claim: Claim) -> tuple[Any, ...]:
    """Start a child, or come to what it came to; in some nodes that is the next round."""
    came = _came(claim)
    if came is None:
        return "d", None, 1, 0
    if not came.startswith(b"ccompleted|"):
        return "f", error_of(claim.node, claim.attempt), 0, 1
    number = int(came.rpartition(b"|")[2])
    if number < _behaviour(world, claim)["rounds"]:
        return "d", None, number + 1, 0
    return "s", json.dumps({"by": claim.token}).encode(), 0, 0


def _of_undo(claim: Claim) -> tuple[Any, ...]:
    """Have a child undo what it did, and then the one before it."""
    came = _came(claim)
    if came is None or int(came.rpartition(b"|")[2]) > 1:
        return "undo", None, 0, 0
    return "s", json.dumps({"by": claim.token}).encode(), 0, 0


def _came(claim: Claim) -> bytes | None:
    return dict(zip(claim.fields, claim.values or (), strict=True))[came_field(items.program_of(claim.node))]


def _of_map(world: World, claim: Claim) -> tuple[Any, ...]:
    """Split a list of some length, or join what its items came to."""
    came = dict(zip(claim.fields, claim.values or (), strict=True))[f"@w:{claim.node}"]
    total = _behaviour(world, claim)["items"]
    if came is None and total:
        return "m", b"", total, 0
    if came is not None and int(came[1:]) != total:
        world.complain("I2", f"{claim.node} was roused with {came!r}, but has {total} items")
    return "s", json.dumps({"by": claim.token}).encode(), 0, 0


def _node(world: World, claim: Claim) -> PlanNode:
    plan = KIDS.get(claim.plan) or world.plans[int(claim.execution[1:].partition("-")[0])]
    return nodes_of(plan)[items.map_of(claim.node) or items.program_of(claim.node)]


def _behaviour(world: World, claim: Claim) -> Any:
    return json.loads(bytes(_node(world, claim).config))


def _opens(world: World, claim: Claim) -> str:
    return "".join(f",{branch}," for branch in _behaviour(world, claim)["opens"])


def digest(value: bytes | None) -> str | None:
    """Return what a node says of a value that it was given."""
    return None if value is None else hashlib.sha256(value).hexdigest()[:8]


def _commit(world: World, hands: Hands, rng: random.Random) -> Actor:
    claim, (kind, payload, *more) = hands.finished[0]
    if kind == "a":
        within_ms, event = (_behaviour(world, claim)[key] for key in ("within_ms", "event"))
        yield (
            "await", world.clock.injected, hands.session, claim.execution, claim.node, claim.token, f"event {event}",
            "" if within_ms is None else within_ms, *_KEPT, event,
        )  # fmt: skip
        hands.finished.pop(0)
        return
    if kind == "d":
        child, kid = f"{claim.execution}-{claim.token}", KIDS[_node(world, claim).child or ""]
        reply = yield (
            "descend", world.clock.injected, hands.session, claim.execution, claim.node, claim.token, child, kid.hash,
            kid.workflow, b"{}", "", more[0], *_KEPT, pool_of_child(kid, child),
        )  # fmt: skip
        hands.finished.pop(0)
        if reply == [b"ok", 1] and child not in world.started:
            world.started.append(child)
        return
    if kind in ("undo", "sort"):
        key = (payload,) if kind == "sort" else ()
        call = (kind, world.clock.injected, hands.session, claim.execution, claim.node, claim.token, *key, *_KEPT)
        yield call
        if rng.random() < 0.3:
            yield call
        hands.finished.pop(0)
        return
    if kind == "m":
        yield from _expand(world, hands, claim, more[0], again=rng.random() < 0.3)
        return
    if kind == "await":
        yield (
            "await", world.clock.injected, hands.session, claim.execution, claim.node, claim.token, "a breaker", "",
            *_KEPT, "", payload,
        )  # fmt: skip
        hands.finished.pop(0)
        return
    extra, spends = more
    if claim.token in hands.passed:
        yield from _tell(world, hands, claim, "good" if kind in "sk" else "bad" if spends else "none")
    hand = rng.choice(("", "default", "default,side,default~,side~"))
    reply = yield (
        "commit", world.clock.injected, hands.session, claim.execution, claim.node, claim.token, kind, payload,
        claim.attempt, 5, extra, spends, hands.token(), hand, *_KEPT, _opens(world, claim), "",
    )  # fmt: skip
    hands.finished.pop(0)
    if reply[0] == b"ok" and len(reply) > 2:
        hands.accept([reply[2]], payload)
        # A map itself runs nothing of its type; its items do, and take the slots.
        if hands.unstarted[-1].type in RULES and not _is_map(world, hands.unstarted[-1]):
            world.complain("I3", f"{hands.unstarted[-1]!r} was handed over without a slot of its limit")


def _expand(world: World, hands: Hands, claim: Claim, total: int, *, again: bool) -> Actor:
    for first in range(0, total, 2):
        values = [b"%d" % index for index in range(first, min(first + 2, total))]
        yield ("put_items", claim.execution, claim.node, claim.token, first, *values)
    most = (_node(world, claim).each or Each("")).max_in_flight or ITEMS_IN_FLIGHT
    call = (
        "expand", world.clock.injected, hands.session, claim.execution, claim.node, claim.token, total, most, *_KEPT,
    )  # fmt: skip
    yield call
    if again:
        yield call
    hands.finished.pop(0)


def _tell(world: World, hands: Hands, claim: Claim, how: str) -> Actor:
    """Tell the breaker how an attempt went; what it was let through for, a probe says in any case."""
    if how == "bad" or hands.passed[claim.token] == b"probe":
        rule = BREAKER
        yield (
            "tell_breaker", world.clock.injected, claim.execution, claim.node, claim.token, rule.name, how,
            rule.failures, rule.window_ms, rule.successes, rule.timeout_ms,
        )  # fmt: skip
    del hands.passed[claim.token]


def rescuer(world: World) -> Actor:
    """Take over from sessions whose lease ran out."""
    while True:
        try:
            taken = yield ("rescue", world.clock.injected, 2, *_KEPT, LEASE_MS)
        except Lost:
            taken = 0
        if not taken:
            yield Pause(500)


def sweeper(world: World) -> Actor:
    """Set right what was lost beside the scripts."""
    while True:
        try:
            _, mended, _ = yield ("sweep", world.clock.injected, LIMITS.patience_ms, 100, 100_000, *reversed(_KEPT))
            world.mended += mended
        except Lost:
            world.lost_by_hand = True  # What it said is unknown.
        yield Pause(1_000)


def canceller(world: World) -> Actor:
    """Cancel one execution, once it is there."""
    rng = random.Random(f"{world.schedule.seed}/canceller")
    yield Pause(rng.randrange(0, 6_000))
    for _ in range(50):
        if world.started:
            try:
                execution = rng.choice(world.started)
                world.cancelled.add(execution)
                code, *_ = yield ("cancel", world.clock.injected, execution, "because", *_KEPT)
            except Lost:
                code = b"lost"
            if code != b"unknown":
                return
        yield Pause(200)


def pauser(world: World) -> Actor:
    """Pause one execution after the other and resume it a while later; in the end, resume all there are."""
    rng = random.Random(f"{world.schedule.seed}/pauser")
    left = rng.randrange(1, 5)
    while True:
        yield Pause(rng.randrange(0, 3_000))
        if world.started and not world.calm and left:
            left -= 1
            paused = [rng.choice(world.started)]
            with suppress(Lost):
                yield ("pause", world.clock.injected, paused[0], "because")
            yield Pause(rng.randrange(0, 6_000))
        else:
            paused = list(world.started)
        for execution in paused:
            try:
                yield ("resume", world.clock.injected, execution, *_KEPT)
            except Lost:
                left += 1


def signaller(world: World) -> Actor:
    """Signal events, each until it is acknowledged and now and then once more; in the end, whatever is waited for."""
    rng = random.Random(f"{world.schedule.seed}/signaller")
    number, left = 0, rng.randrange(0, 8)
    while True:
        yield Pause(rng.randrange(0, 1_500))
        if not world.started or not (left or world.calm):
            continue
        left -= not world.calm
        number += 1
        execution, event, key = rng.choice(world.started), rng.choice(("said", "shouted")), f"signal{number}"
        answers: set[bytes] = set()
        for _ in range(1 + (rng.random() < 0.3)):
            try:
                code, *rest = yield ("signal", world.clock.injected, execution, event, key, key.encode(), 3)
            except Lost:
                continue
            answers.update(rest if code in (b"ok", b"again") else ())
        if len(answers) > 1:
            world.complain("I1", f"signal {key} answered {answers}")


def healer(world: World) -> Actor:
    """Retry dead letters, and discard one now and then."""
    rng = random.Random(f"{world.schedule.seed}/healer")
    for _ in range(rng.randrange(1, 6)):
        yield Pause(rng.randrange(0, 4_000))
        dead = world.store.client.zrange(world.store.keys.dead_letters, 0, -1)
        if not dead:
            continue
        execution, node = rng.choice(dead).decode().split("|")
        with suppress(Lost):
            if rng.random() < 0.15:
                yield ("discard", world.clock.injected, execution, node, LIMITS.retention_ms)
                continue
            if rng.random() < 0.8:
                world.healed.add((execution, node))
            world.healing = True
            yield ("heal", world.clock.injected, execution, node)
