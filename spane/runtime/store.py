"""The store: one typed method for each transition, and the reads that clients and workers make beside them.

Every script can be called again with the same arguments after a lost reply. Methods raise `StoreUnavailable`,
`StoreFull` and their kin, never a redis-py error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import redis

from spane.errors import PlanGone, StoreError, UnknownExecution
from spane.model.plan import Plan
from spane.runtime import layout, scripts
from spane.runtime.clients import translate
from spane.runtime.clock import Clock, RedisClock
from spane.runtime.keys import Keys

BLOB_MARK = b"&"
ERROR_MARK = b"!"
_PLAN_FIELDS_A_CALL = 250
_PLAN_KEPT_MS = 86_400_000
#: How many notices of cancels and pauses one call of `renew` brings.
NOTICES_A_CALL = 100
#: A worker of another version that boots drops a library again that was loaded just now; more than once hardly ever.
_LOADS_A_CALL = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """The times and sizes that transitions need, in their units."""

    lease_ms: int = 5_000
    retention_ms: int = 86_400_000
    dead_letter_retention_ms: int = 7 * 86_400_000
    inline_value_bytes: int = 262_144
    max_value_bytes: int = 67_108_864
    events_kept: int = 100_000
    patience_ms: int = 5_000
    #: How long a queued node waits for each priority that it gains; 0 where none ages.
    ageing_ms: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """What `start` takes: one execution to be."""

    execution: str
    plan: str
    workflow: str
    inputs: bytes
    priority: int = 5
    delay_ms: int = 0
    key: str = ""
    digest: str = ""
    tenant: str = ""
    metadata: bytes = b"{}"
    pool: str = ""
    key_means: Literal["", "t", "d"] = ""
    period_ms: int = 0
    at_ms: int | None = None
    #: How long after its beginning it fails; None for what its plan says.
    within_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StartReply:
    """What became of a start, and the execution that the caller may now look at; for `past`, the time it is."""

    status: Literal["ok", "again", "conflict", "noplan", "past"]
    execution: str


class Store:
    """The transitions of one partition, over one command client."""

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        *,
        clock: Clock | None = None,
        limits: Limits | None = None,
        functions: bool = True,
    ) -> None:
        self.client = client
        #: The same without types: redis-py's say that every reply may be anything.
        self._read: Any = client
        self.keys = keys
        self.clock = clock or RedisClock()
        self.limits = limits or Limits()
        self._functions = functions
        self.scripts = scripts.load(functions=functions)

    def load_scripts(self) -> None:
        """Give every script to the server, unless it has it."""
        for script in self.scripts.values():
            self._load(script)

    def forget_old_scripts(self) -> None:
        """Drop the libraries of other versions. A process that still runs one of them loads its own again."""
        if not self._functions:
            return
        mine = {script.address for script in self.scripts.values()}
        with translated():
            there = self._read.function_list(scripts.LIBRARIES)
            for name in {scripts.library_name(library) for library in there} - mine:
                with suppress(redis.exceptions.ResponseError):  # another process has dropped it just now
                    self.client.function_delete(name)

    def command(self, name: str, *arguments: Any, on: str | None = None) -> tuple[Any, ...]:
        """Return the command that runs a script, for a pipeline; `on` is its key where that is not the partition's prefix."""
        return (*self.scripts[name].calling, 1, self.keys.prefix if on is None else on, *arguments)

    def call(self, name: str, *arguments: Any, on: str | None = None) -> Any:
        """Run one script now."""
        command = self.command(name, *arguments, on=on)
        with translated():
            for _ in range(_LOADS_A_CALL):
                try:
                    return self.client.execute_command(*command)
                except redis.exceptions.ResponseError as error:
                    if not scripts.is_missing(error):
                        raise
                self._load(self.scripts[name])
            return self.client.execute_command(*command)

    def _load(self, script: scripts.Script) -> None:
        with translated():
            try:
                self.client.execute_command(*script.loading)
            except redis.exceptions.ResponseError as error:
                if not scripts.is_there_already(error):
                    raise

    def call_many(self, name: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run one script many times in one round trip; index-aligned, a `StoreError` where a call went wrong."""
        try:
            with translated():
                pipe = self.client.pipeline(transaction=False)
                for arguments in calls:
                    pipe.execute_command(*self.command(name, *arguments))
                replies = pipe.execute(raise_on_error=False)
        except StoreError as error:
            return [error for _ in calls]
        return [self._outcome(name, call, reply) for call, reply in zip(calls, replies, strict=True)]

    def _outcome(self, name: str, arguments: tuple[Any, ...], reply: Any) -> Any:
        try:
            if scripts.is_missing(reply):
                return self.call(name, *arguments)
        except StoreError as error:
            return error
        return translate(reply) if isinstance(reply, Exception) else reply

    # Transitions.

    def put_plan(self, plan: Plan) -> str:
        """Store a plan unless it is there already, and return its hash."""
        plan_hash = plan.hash
        for part in layout.parts(layout.fields_of(plan), _PLAN_FIELDS_A_CALL):
            self.call("put_plan", plan_hash, _PLAN_KEPT_MS, *(item for field in part for item in field))
        return plan_hash

    def start(self, start: Start) -> StartReply:
        """Start an execution. `noplan` asks the caller to store the plan and call again."""
        return self._start_reply(self.call("start", *self.start_arguments(start)))

    def start_arguments(self, start: Start) -> tuple[Any, ...]:
        """Return the arguments of the start script."""
        return (
            self.clock.injected, start.execution, start.plan, start.workflow, start.priority, start.delay_ms,
            start.inputs, start.key, start.digest, start.tenant, start.metadata, start.pool,
            "" if start.at_ms is None else start.at_ms, start.key_means, start.period_ms,
            "" if start.within_ms is None else start.within_ms,
        )  # fmt: skip

    def start_many(self, starts: Sequence[Start]) -> list[StartReply | StoreError]:
        """Start many executions in one round trip; index-aligned, an error where Redis refused one or its reply is lost."""
        replies = self.call_many("start", [self.start_arguments(start) for start in starts])
        return [reply if isinstance(reply, StoreError) else self._start_reply(reply) for reply in replies]

    def _start_reply(self, reply: Sequence[bytes]) -> StartReply:
        status, *rest = (part.decode() for part in reply)
        return StartReply(status, rest[0] if rest else "")  # type: ignore[arg-type]

    def rescue(self, most: int = 500) -> int:
        """Take back attempts of dead sessions; call again while the answer is not 0."""
        limits = self.limits
        kept = limits.retention_ms, limits.dead_letter_retention_ms
        return int(self.call("rescue", self.clock.injected, most, *kept, limits.lease_ms))

    def sweep(self, most: int = 100) -> tuple[int, int, bool]:
        """Look over executions for what was lost beside the scripts: (looked over, set right, whether more wait)."""
        limits = self.limits
        seen, mended, more = self.call(
            "sweep", self.clock.injected, limits.patience_ms, most, limits.events_kept,
            limits.dead_letter_retention_ms, limits.retention_ms,
        )  # fmt: skip
        return int(seen), int(mended), bool(more)

    def renew(self, session: str, last_notice: str, serves: str = "") -> tuple[bool, int, int, list[tuple[str, str]]]:
        """Renew a session: (was it alive, lanes nobody fits, attempts it holds, notices as (id, text))."""
        alive, unfit, held, *notices = self.call(
            "renew",
            self.clock.injected,
            session,
            self.limits.lease_ms,
            last_notice,
            serves,
            NOTICES_A_CALL,
            self.limits.ageing_ms,
        )
        texts = [part.decode() for part in notices]
        return bool(alive), int(unfit), int(held), list(zip(texts[::2], texts[1::2], strict=True))

    def wake(self, queue: str) -> None:
        """Wake an idle worker of a queue for a message of a user's own actors."""
        self.call("wake", queue)

    def leave(self, session: str) -> None:
        """End a session that holds nothing."""
        self.call("leave", session)

    def give_back(self, session: str, attempts: Sequence[tuple[str, str, str]]) -> int:
        """Return claimed but unstarted (execution, node, token) to the front of their queues."""
        returned = 0
        for part in layout.parts(attempts, 500):
            flat = (item for attempt in part for item in attempt)
            returned += int(self.call("give_back", self.clock.injected, session, *self.kept_ms, *flat))
        return returned

    @property
    def kept_ms(self) -> tuple[int, int]:
        """How long an ended execution is kept: as a rule, and where it left a dead letter."""
        return self.limits.retention_ms, self.limits.dead_letter_retention_ms

    def mark(self, execution: str, node: str, token: str) -> bool:
        """Write a suspect's start mark; False when the attempt has lost the node."""
        return bool(self.call("mark", execution, node, token))

    def put_items(self, execution: str, node: str, token: str, first: int, values: Sequence[bytes]) -> bool:
        """Keep a part of what a map goes over, from item number `first` on; False when the attempt has lost the map."""
        return bool(self.call("put_items", execution, node, token, first, *values))

    def progress(self, execution: str, node: str, token: str, done: float, total: float) -> None:
        """Record how far a running node has come."""
        self.call("progress", self.clock.injected, execution, node, token, done, total)

    def adopt(self, lanes: Iterable[str]) -> list[str]:
        """Return in which of the lanes `queue@fingerprint` nodes still wait; the others are forgotten."""
        return [lane.decode() for lane in self.call("adopt", *lanes)]

    # Reads.

    def plan_page(self, plan_hash: str, page: int) -> layout.PlanPage | None:
        """Return one page of a plan's nodes; None if the plan is not there."""
        with translated():
            raw = self._read.hget(self.keys.plan(plan_hash), f"s:{page}")
        return layout.read_page(raw) if raw else None

    def plan_head(self, plan_hash: str) -> layout.PlanHead:
        """Return a plan's head, or raise `PlanGone`."""
        with translated():
            raw = self._read.hget(self.keys.plan(plan_hash), "head")
        if raw is None:
            raise PlanGone(plan_hash)
        return layout.read_head(raw)

    def fields(self, execution: str, *names: str) -> list[str | None]:
        """Return fields of `x:<execution>`."""
        with translated():
            values = self._read.hmget(self.keys.execution(execution), list(names))
        return [value.decode() if value is not None else None for value in values]

    def status(self, execution: str) -> str:
        """Return an execution's status, or raise `UnknownExecution`."""
        status = self.fields(execution, "@st")[0]
        if status is None:
            raise UnknownExecution(execution)
        return status

    def everything(self, execution: str) -> dict[str, str]:
        """Return all of `x:<execution>`; grows with the graph, for display only."""
        with translated():
            fields = self._read.hgetall(self.keys.execution(execution))
        if not fields:
            raise UnknownExecution(execution)
        return {name.decode(): value.decode() for name, value in fields.items()}

    def outputs(self, execution: str, names: Sequence[str]) -> dict[str, bytes]:
        """Return outputs as stored, in pages of 500, with large values resolved; absent ones are left out."""
        found: dict[str, bytes] = {}
        with translated():
            for part in layout.parts(names, 500):
                values = self._read.hmget(self.keys.outputs(execution), list(part))
                found.update((name, value) for name, value in zip(part, values, strict=True) if value is not None)
        return {name: self.resolve(execution, value) for name, value in found.items()}

    def resolve(self, execution: str, value: bytes) -> bytes:
        """Return the value itself where `value` refers to a large one."""
        if not value.startswith(BLOB_MARK):
            return value
        with translated():
            blob = self._read.hget(self.keys.blobs(execution), value[1:])
        if blob is None:
            raise UnknownExecution(execution)
        return bytes(blob)

    def unfit(self) -> dict[str, str]:
        """Return the lanes `queue@fingerprint` whose nodes no worker has fitted, and why."""
        with translated():
            return {key.decode(): value.decode() for key, value in self._read.hgetall(self.keys.unfit).items()}


@contextmanager
def translated() -> Iterator[None]:
    """Raise our own errors in place of redis-py's."""
    try:
        yield
    except redis.RedisError as error:
        raise translate(error) from error
