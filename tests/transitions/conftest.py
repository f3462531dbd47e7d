"""A stage for single transitions: a store on fakeredis or on a real Redis, a clock that stands, and small plans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import fakeredis
import msgspec
import pytest

from spane.errors import StoreError
from spane.model.expressions import Input, Output
from spane.model.outcome import NodeError, encode_error
from spane.model.plan import Plan, PlanNode
from spane.runtime import overview
from spane.runtime.clock import VirtualClock
from spane.runtime.keys import Keys
from spane.runtime.layout import fields_of, parts
from spane.runtime.steering import Reply, Steering
from spane.runtime.store import Limits, Start, Store

LIMITS = Limits(lease_ms=5_000, retention_ms=60_000, dead_letter_retention_ms=600_000, patience_ms=5_000)


def node(name: str, *parents: str, takes_input: bool = False, **options: Any) -> PlanNode:
    """Return a plan node that takes the outputs of its parents."""
    arguments: list[tuple[str, Any]] = [(f"from_{parent}", Output(parent)) for parent in parents]
    if takes_input:
        arguments.append(("data", Input(None)))
    return PlanNode(name, options.pop("type", "work"), tuple(arguments), parents=parents, **options)


def plan(*nodes: PlanNode, workflow: str = "staged") -> Plan:
    return Plan(workflow, nodes)


def with_deadline(made: Plan, ms: int = 1_000) -> Plan:
    return msgspec.structs.replace(made, deadline_ms=ms)


ONE = plan(node("only"))
CHAIN = plan(node("first"), node("second", "first"))
DIAMOND = plan(node("top"), node("left", "top"), node("right", "top"), node("bottom", "left", "right"))
PAIR = plan(node("one"), node("two"))


@dataclass
class Claimed:
    """A row that a transition leased."""

    execution: str
    node: str
    token: str
    plan: str
    profile: str
    failures: int
    crashes: int
    flag: str
    priority: str
    values: Any

    @classmethod
    def of(cls, row: list[Any]) -> Claimed:
        texts = [part.decode() if isinstance(part, bytes) else part for part in row[:9]]
        texts[5], texts[6] = int(texts[5]), int(texts[6])
        return cls(*texts, row[9])


class Stage:
    """Calls transitions by name, and reads what they wrote."""

    def __init__(self, client: Any, *, real: bool) -> None:
        self.client = client
        self.clock = VirtualClock(frozen=True)
        self.store = Store(client, Keys(), clock=self.clock, limits=LIMITS, functions=real)
        self.keys = self.store.keys
        self._sequence = 0

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def call(self, script: str, *arguments: Any) -> Any:
        """Run a script; texts in its reply are decoded."""
        return _decoded(self.store.call(script, *arguments))

    # Transitions with the arguments that a test does not care about.

    def put(self, made: Plan) -> str:
        return self.store.put_plan(made)

    def start(self, made: Plan = ONE, execution: str = "x1", **options: Any) -> Any:
        self.put(made)
        start = Start(execution, made.hash, made.workflow, options.pop("inputs", b"{}"))
        return self.store.start(replace(start, **options))

    def fetch(
        self,
        session: str = "w1",
        *,
        queues: str = "default",
        threads: int = 10,
        loop: int = 10,
        alone: int = 1,
        timers: int = 100,
        unsorted: int = 10,
        first: str = "+",
    ) -> list[Claimed]:
        reply = self.fetch_reply(session, queues, threads, loop, alone, timers, unsorted=unsorted, first=first)
        return [Claimed.of(row) for row in reply[4:]]

    def fetch_reply(
        self,
        session: str = "w1",
        queues: str = "default",
        threads: int = 10,
        loop: int = 10,
        alone: int = 1,
        timers: int = 100,
        ageing_ms: int = 0,
        unsorted: int = 10,
        first: str = "+",
    ) -> Any:
        self._sequence += 1
        names = queues.split(",")
        marks = ("!", "+", "") if first == "+" else ("!", "", "+")
        lanes, loops = (",".join(f"{name}{lane}{mark}" for name in names for mark in marks) for lane in ("", "~"))
        lone, keyless = (
            ",".join(f"{name}{lane}{mark}" for name in names for lane in ("", "~")) for mark in ("!!", "?")
        )
        return self.store.call(
            "fetch", self.now_ms, session, LIMITS.lease_ms, f"{session}.{self._sequence:x}.", lanes, threads, loops,
            loop, lone, alone, timers, LIMITS.retention_ms, LIMITS.dead_letter_retention_ms, ageing_ms,
            keyless, unsorted,
        )  # fmt: skip

    def commit(
        self, claim: Claimed, kind: str = "s", payload: bytes = b"1", *, session: str = "w1", extra: Any = 0,
        spends: int = 1, hand: str = "", token: str | None = None, child_token: str = "w1.child",
        opens: str = "", route: str = "",
    ) -> Any:  # fmt: skip
        return self.store.call(
            "commit", self.now_ms, session, claim.execution, claim.node, token or claim.token, kind, payload,
            claim.failures + 1, 1234, extra, spends, child_token, hand, LIMITS.retention_ms,
            LIMITS.dead_letter_retention_ms, opens, route,
        )  # fmt: skip

    def fail(self, claim: Claimed, message: str = "broken", **options: Any) -> Any:
        error = encode_error(NodeError("builtins:ValueError", message, claim.node, claim.failures + 1))
        return self.commit(claim, options.pop("kind", "f"), error, **options)

    def retry(self, claim: Claimed, delay_ms: int = 1000, **options: Any) -> Any:
        return self.fail(claim, kind="r", extra=delay_ms, **options)

    def sort(self, claim: Claimed, key: str, *, session: str = "w1") -> Any:
        return self.store.call(
            "sort", self.now_ms, session, claim.execution, claim.node, claim.token, key, *self.store.kept_ms
        )

    def cancel(self, execution: str = "x1", reason: str = "") -> Reply | StoreError:
        [reply] = Steering(self.store).cancel([execution], reason)
        return reply

    def run(self, made: Plan = ONE, execution: str = "x1") -> None:
        """Start an execution and let everything succeed."""
        self.start(made, execution)
        while claims := self.fetch():
            for claim in claims:
                self.commit(claim)

    # What is written.

    def state(self, name: str, execution: str = "x1") -> str | None:
        """Return the letter of a node."""
        text = self.store.fields(execution, name)[0]
        return text[0] if text else None

    def field(self, name: str, execution: str = "x1") -> str | None:
        return self.store.fields(execution, name)[0]

    def status(self, execution: str = "x1") -> str:
        return self.store.status(execution)

    def active(self) -> list[str]:
        return overview.active(self.store)

    def queue(self, name: str = "default", priority: int = 5) -> list[str]:
        return _decoded(self.client.lrange(self.keys.queue(name, priority), 0, -1))

    def letters(self) -> str:
        """Return the letters of all events."""
        return "".join(letter for letter, _ in self.facts())

    def facts(self) -> list[tuple[str, str]]:
        """Return all events as (letter, body)."""
        entries = self.client.xrange(self.keys.events)
        return [(letter.decode(), body.decode()) for _, fields in entries for letter, body in fields.items()]

    def everything(self) -> dict[str, Any]:
        """Return all that is stored, without events and wake tokens."""
        found = {}
        for key in sorted(self.client.keys("*")):
            name = key.decode()
            if not name.endswith("}:ev") and ":wake:" not in name:
                value = self._value(key)
                if value:
                    found[name] = value
        return found

    def _value(self, key: bytes) -> Any:
        kind = self.client.type(key)
        if kind == b"hash":
            return self.client.hgetall(key)
        if kind == b"list":
            return self.client.lrange(key, 0, -1)
        if kind == b"zset":
            return self.client.zrange(key, 0, -1, withscores=True)
        if kind == b"set":
            return self.client.smembers(key)
        return self.client.get(key) if kind == b"string" else self.client.xrange(key)

    def kept_ms(self, key: str) -> int:
        return int(self.client.pttl(key))


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return [_decoded(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(params=["fakeredis", pytest.param("redis", marks=pytest.mark.redis)])
def stage(request: pytest.FixtureRequest) -> Stage:
    """A stage on an empty store."""
    if request.param == "redis":
        return Stage(request.getfixturevalue("redis_client"), real=True)
    return Stage(fakeredis.FakeRedis(protocol=2), real=False)


__all__ = ["CHAIN", "DIAMOND", "LIMITS", "ONE", "PAIR", "Claimed", "Stage", "fields_of", "node", "parts", "plan"]
