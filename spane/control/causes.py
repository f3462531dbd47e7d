"""What a node may be waiting for: each cause as data, with a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from spane.control.remedies import Verb
from spane.control.wording import counted, moment, names
from spane.model.outcome import NodeError
from spane.model.plan import is_step
from spane.ops.breakers import BreakerState
from spane.runtime.looking import LONGEST_LOOK, Worker


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something waits. `kind` names the sort of cause; `str()` gives a sentence for people."""

    kind: ClassVar[str]

    @property
    def alike(self) -> tuple[Any, ...]:
        """What items of a map have in common that are told as one group."""
        return (self.kind, *self._alike())

    def of_many(self, count: int, first: str) -> str:
        """Return it as said of `count` items of a map, of which `first` is one, without a full stop."""
        more = f" and {count - 1:,} more" if count > 1 else ""
        return f"{first!r}{more}: {str(self).rstrip('.')}"

    def _alike(self) -> tuple[Any, ...]:
        return ()

    def as_json(self) -> dict[str, Any]:
        """Return the cause as plain values, with its sentence."""
        return {
            "kind": self.kind,
            **{one.name: _plain(getattr(self, one.name)) for one in fields(self)},
            "sentence": str(self),
        }


@dataclass(frozen=True, slots=True)
class Parents(Cause):
    """Nodes before it have not finished."""

    kind = "parents"
    nodes: tuple[str, ...]

    def __str__(self) -> str:
        return f"It waits for {names(self.nodes)} to finish."


@dataclass(frozen=True, slots=True)
class Releasing(Cause):
    """All nodes before it have finished; a fan-out too large for one step is about to come to it."""

    kind = "releasing"

    def __str__(self) -> str:
        return "All that it waits for has finished; it is queued as soon as a worker fetches again."


@dataclass(frozen=True, slots=True)
class Ready(Cause):
    """It is ready, and stands in a queue.

    `position` counts from 1 among those of its priority, None where it was not found among the first 10,000 or was not
    looked for; `ahead` counts all in the queue that are fetched before it. `workers` are those that serve the queue.
    """

    queue: str
    priority: int
    position: int | None
    ahead: int | None
    workers: tuple[Worker, ...]

    def _alike(self) -> tuple[Any, ...]:
        return (self.queue, bool(self.workers))

    def _where(self) -> str:
        at = f"in queue {self.queue!r} at priority {self.priority}"
        if self.position is None:
            return f"{at}, not found among the first {LONGEST_LOOK:,}"
        return f"number {self.position} {at}, with {self.ahead} fetched before it"

    def _who(self) -> str:
        if not self.workers:
            return f"No worker serves queue {self.queue!r}: start one that does."
        count = len(self.workers)
        return f"{count} {'worker serves' if count == 1 else 'workers serve'} the queue."


@dataclass(frozen=True, slots=True)
class Queued(Ready):
    """It is ready for any worker that serves its queue."""

    kind = "queued"

    def __str__(self) -> str:
        return f"It is ready, {self._where()}. {self._who()}"

    def of_many(self, count: int, first: str) -> str:
        served = "" if self.workers else ", which no worker serves"
        return f"{counted(count, 'is', 'are')} ready in queue {self.queue!r}{served}"


@dataclass(frozen=True, slots=True)
class Suspect(Ready):
    """A worker died while it held the node, which is ready again; `alone` after a second one did."""

    kind = "suspect"
    alone: bool

    def __str__(self) -> str:
        how = (
            "Two workers died while they held it, so it runs alone, one such node in a process at a time"
            if self.alone
            else "A worker died while it held it; it runs again, and alone if that happens once more"
        )
        return f"{how}. It stands {self._where()}. {self._who()}"


@dataclass(frozen=True, slots=True)
class Unfit(Ready):
    """No worker that fetched it has code that fits its plan. `workers` are those that have by now, and look for it."""

    kind = "unfit"
    fingerprint: str
    reason: str

    def _alike(self) -> tuple[Any, ...]:
        return (self.queue, self.fingerprint)

    def __str__(self) -> str:
        found = (
            "Workers that fit it now look for it."
            if self.workers
            else "Start a worker with the code that the execution was started with."
        )
        return f"No worker fits it: {self.reason}. {found}"


@dataclass(frozen=True, slots=True)
class Leased(Cause):
    """A worker has it: it runs, or is about to. `worker` is None where its lease has run out and it is taken over."""

    kind = "leased"
    session: str
    worker: Worker | None
    since_ms: int
    attempt: int

    def __str__(self) -> str:
        if self.worker is None:
            return f"Worker {self.session} had it and is gone; another one takes it over."
        until = moment(self.worker.lease_until_ms)
        held = f"Since {moment(self.since_ms)} {self.worker} has it (attempt {self.attempt})"
        return f"{held}; its lease, which it renews, goes to {until}."

    def _alike(self) -> tuple[Any, ...]:
        return (self.worker is None,)

    def of_many(self, count: int, first: str) -> str:
        if self.worker is None:
            return f"{counted(count, 'is', 'are')} taken over from a worker that is gone"
        return counted(count, "runs", "run")


@dataclass(frozen=True, slots=True)
class Timer(Cause):
    """It waits for its time: `why` is "retry" (after `failures` attempts that failed) or "delay"."""

    kind = "timer"
    why: str
    due_ms: int
    failures: int

    def __str__(self) -> str:
        if self.why == "delay":
            return f"Its delay ends at {moment(self.due_ms)}."
        after = f" after {self.failures} failed {'attempt' if self.failures == 1 else 'attempts'}"
        return f"It is tried again at {moment(self.due_ms)}{after if self.failures else ''}."

    def _alike(self) -> tuple[Any, ...]:
        return (self.why,)

    def of_many(self, count: int, first: str) -> str:
        at = f"at {moment(self.due_ms)}" if count == 1 else f"from {moment(self.due_ms)} on"
        return f"{counted(count, 'is', 'are')} tried again {at}"


@dataclass(frozen=True, slots=True)
class Awaiting(Cause):
    """It waits, without a worker, for `event`, or for its time: until `due_ms` in any case, None for as long as it takes."""

    kind = "awaits"
    event: str | None
    due_ms: int | None

    def __str__(self) -> str:
        if self.event is not None:
            until = "" if self.due_ms is None else f", until {moment(self.due_ms)} at the latest"
            return f"It waits for event {self.event!r}{until}; signal it to let the node go on."
        if self.due_ms is not None:
            return f"It sleeps until {moment(self.due_ms)}."
        return "It waits for something outside of it, and holds no worker."


@dataclass(frozen=True, slots=True)
class Limited(Cause):
    """It waits for a slot of a limit: of its node type, of a key, or of its workflow; `holders` have one."""

    kind = "limit"
    limit: str
    holders: tuple[str, ...]
    waiting: int
    rests_until_ms: int | None = None

    def __str__(self) -> str:
        if self.rests_until_ms is not None:
            return f"{self.limit!r} rests until {moment(self.rests_until_ms)}, because one of its nodes said so."
        held = (
            f"{names(self.holders)} {'has' if len(self.holders) == 1 else 'have'} its slots"
            if self.holders
            else "its rate"
        )
        return f"It waits for the limit of {self.limit!r}, where {self.waiting} wait: {held}."

    def _alike(self) -> tuple[Any, ...]:
        return (self.limit,)

    def of_many(self, count: int, first: str) -> str:
        wait = f"{counted(count, 'waits', 'wait')} for the limit of {self.limit!r}"
        if self.rests_until_ms is not None:
            return f"{wait}, which rests until {moment(self.rests_until_ms)}"
        return f"{wait} (held by {names(self.holders)})" if self.holders else f"{wait} (its rate)"


@dataclass(frozen=True, slots=True)
class Group:
    """Items of a map that wait for the same: how many, the `first` of them, and the `cause` of that one.

    Of those that wait for their times, `first` is the one that is due first.
    """

    count: int
    first: str
    cause: Cause

    def __str__(self) -> str:
        return self.cause.of_many(self.count, self.first)


@dataclass(frozen=True, slots=True)
class Items(Cause):
    """It is a map, and waits for its items: `done` of `total` have ended, and `begun` have been queued so far.

    `groups` are what the first hundred wait for of those that have begun and not ended.
    """

    kind = "items"
    total: int
    begun: int
    done: int
    groups: tuple[Group, ...] = ()

    def __str__(self) -> str:
        at_work, seen = self.begun - self.done, sum(group.count for group in self.groups)
        ended = f"Its items are at work: {self.done:,} of {self.total:,} have ended"
        told = "; ".join(str(group) for group in self.groups)
        if not told:
            return f"{ended}, {at_work:,} {'has' if at_work == 1 else 'have'} begun."
        part = f"of the first {seen:,} of {at_work:,} that have begun, " if seen < at_work else ""
        return f"{ended}; {part}{told}."


@dataclass(frozen=True, slots=True)
class Child(Cause):
    """It runs a workflow as a child execution, and waits for its end; explain that one to see what it waits for.

    `round` counts the children that the node has one after the other; `cause` is why one that is scheduled has not begun.
    """

    kind = "child"
    execution: str
    workflow: str
    status: str
    round: int
    cause: Cause | None = None

    def __str__(self) -> str:
        nth = "" if self.round == 1 else f", round {self.round}"
        why = f" {self.cause}" if self.cause else ""
        return f"It waits for execution {self.execution} of {self.workflow!r}{nth}, which is {self.status}.{why}"

    def _alike(self) -> tuple[Any, ...]:
        return (self.workflow, self.status, *(self.cause.alike if self.cause else ()))

    def of_many(self, count: int, first: str) -> str:
        if isinstance(self.cause, Limited):
            return self.cause.of_many(count, first)
        wait = f"{counted(count, 'waits', 'wait')} for executions of {self.workflow!r}"
        return f"{wait} that are {self.status}{f': {self.cause}'.rstrip('.') if self.cause else ''}"


@dataclass(frozen=True, slots=True)
class Refused(Cause):
    """It waits at a circuit breaker, as `waiting` nodes do with it; `until_ms` is when an open one lets one attempt through."""

    kind = "breaker"
    breaker: str
    state: BreakerState
    until_ms: int | None
    waiting: int

    def __str__(self) -> str:
        others = f"{self.waiting} {'node waits' if self.waiting == 1 else 'nodes wait'} at it"
        if self.until_ms is not None:
            return f"Circuit breaker {self.breaker!r} is open until {moment(self.until_ms)}; {others}."
        if self.state is BreakerState.HALF_OPEN:
            return f"Circuit breaker {self.breaker!r} is half-open: one attempt at a time tries; {others}."
        return f"Circuit breaker {self.breaker!r} has closed; what waited at it goes on."

    def _alike(self) -> tuple[Any, ...]:
        return (self.breaker,)

    def of_many(self, count: int, first: str) -> str:
        until = f" until {moment(self.until_ms)}" if self.until_ms is not None else ""
        return f"{counted(count, 'waits', 'wait')} at circuit breaker {self.breaker!r}, which is {self.state}{until}"


@dataclass(frozen=True, slots=True)
class Dead(Cause):
    """It used up its attempts. `letter` is the id of its dead letter, None where that was discarded or is past its time.

    `remedy` says what lets it run again: retry, retry_later (once what runs has ended) or replay (of the execution
    `replay`); None where nothing does, as for an undo whose dead letter is gone.
    """

    kind = "dead_letter"
    letter: str | None
    failed_at_ms: int
    attempts: int
    error: NodeError | None
    remedy: Verb | None
    replay: str = ""

    def __str__(self) -> str:
        times = f"{self.attempts} {'attempt' if self.attempts == 1 else 'attempts'}"
        what = f"It failed after {times}{f' with {self.error}' if self.error else ''}."
        if self.remedy is None:
            return f"{what} Its dead letter is gone, so nothing runs it again."
        if self.letter is None:
            return f"{what} Its dead letter is gone; replay execution {self.replay}."
        if self.remedy == "replay":
            return f"{what} Its dead letter can no longer be retried; replay execution {self.replay}."
        when = " once what runs has ended," if self.remedy == "retry_later" else ""
        to = "run it again; its execution ends as before" if is_step(self.letter) else "let the execution go on"
        return f"{what} Retry dead letter {self.letter}{when} to {to}."

    def _alike(self) -> tuple[Any, ...]:
        return (self.error.type if self.error else None, self.remedy)


def _plain(value: Any) -> Any:
    if isinstance(value, Cause):
        return value.as_json()
    if isinstance(value, Group):
        return {"count": value.count, "first": value.first, "cause": value.cause.as_json(), "sentence": str(value)}
    if isinstance(value, Worker | NodeError):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__ if name != "traceback"}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
