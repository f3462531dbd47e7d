"""Every error SPANE raises, in one tree.

    SpaneError
    ├── DefinitionError          a workflow, graph or definition has faults (all of them, together)
    │   ├── ReferenceMisuse      a reference was used where only a finished value makes sense
    │   └── UnknownOption        a decorator, or Retry, was given an option that it does not have
    ├── SettingsError            settings have faults (all of them, together)
    ├── InputError               the inputs of a start do not fit the workflow
    ├── UnknownWorkflow          a start by a name that no workflow of this process has
    ├── ExecutionError
    │   ├── UnknownExecution     no such execution (never started, or past its retention)
    │   ├── IllegalTransition    the verb does not apply to the execution's status
    │   ├── UnknownDeadLetter    no such dead letter (never there, retried, discarded, or past its retention)
    │   ├── DeadLetterUndone     what it belongs to has been undone, so that it cannot be retried
    │   ├── DeadLetterPassed     its execution went on without it, so that it cannot be retried
    │   ├── UnknownEvent         a signal by a name that no wait of the execution's plan has
    │   ├── SignalRefused        a signal with data that cannot be taken, or more than are kept
    │   ├── KeyConflict          a start key was used again with other inputs
    │   ├── ExecutionFailed      the execution ended as failed
    │   │   └── DeadlineExceeded it had not ended at its deadline
    │   ├── ExecutionCancelled   the execution ended as cancelled
    │   ├── ExecutionStalled     in process: nothing can move, and nothing is due
    │   └── ResultTimeout        the result was not there in time
    ├── AttemptError             what can go wrong inside one attempt
    │   ├── ValueMismatch        a value does not fit a parameter's annotation, or its own node's (never retried)
    │   ├── ResultNotSerialisable  a node returned what JSON cannot carry (never retried)
    │   ├── ValueTooLarge        a value is past the size limit (never retried)
    │   ├── EventTimeout         the event that a node waits for did not come in time (never retried)
    │   ├── BreakerOpen          a circuit breaker did not let an attempt through
    │   ├── NodeTimeout          an attempt ran past its timeout
    │   ├── WorkerLost           the worker process died with it, more than once; only ever in the data
    │   ├── AttemptRejected      a Dramatiq middleware did not let it run; only ever in the data
    │   └── SubWorkflowFailed    the child execution that a node runs did not complete (never retried)
    ├── UnknownBreaker           no circuit breaker of this name has seen a failure lately
    ├── StoreError
    │   ├── StoreUnavailable     Redis cannot be reached
    │   ├── EngineClosed         the engine that was asked is closed
    │   ├── PlanGone             the plan of an execution is not in the store any more
    │   ├── StoreUnsuitable      Redis is too old, or set up so that data would be lost
    │   └── StoreFull            Redis is out of memory; nothing was started
    └── Signal                   what a node raises to steer its own outcome
        ├── Skip                 nothing to do: end as skipped
        ├── Unrecoverable        fail now, do not retry
        └── RetryLater           try again after a time, without spending an attempt
            └── RateLimited      the same, and no node of the type starts until then

A message says what failed, which (ids), why, and what to do next. Ids and parts are attributes too,
and every error survives pickling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

#: Past it, milliseconds are no whole numbers for Redis.
_HUNDRED_YEARS_S = 100 * 366 * 86_400


def _rebuild(cls: type[SpaneError], message: str, attributes: dict[str, Any]) -> SpaneError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(attributes)
    return error


class SpaneError(Exception):
    """Something SPANE refuses or could not do. Keyword arguments become attributes."""

    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message)
        self.__dict__.update(attributes)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), dict(self.__dict__))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a definition or with settings: what, why, and the mend.

    `where` is `file:line`, a node id or a setting's name; `code` is a stable short name for tools.
    """

    code: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class _Faults(SpaneError):
    """Several faults, reported together. `faults` holds them in the order they were found."""

    faults: tuple[Fault, ...]

    def __init__(self, subject: str, faults: list[Fault] | tuple[Fault, ...]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"{subject} has {count}:\n{lines}", subject=subject, faults=tuple(faults))


class DefinitionError(_Faults):
    """A workflow cannot become a plan. `subject` names it; `faults` says all that is wrong."""


class ReferenceMisuse(DefinitionError, TypeError):
    """A reference was used as if its value were already there; raised at the user's own line."""


class UnknownOption(DefinitionError, TypeError):
    """An option was given that is none; raised at the user's own line, before anything is decorated."""


class SettingsError(_Faults):
    """Settings do not fit together; `faults` says all that is wrong."""


class InputError(SpaneError):
    """Inputs given to a start do not fit the workflow. `workflow` and `problems` are attributes."""

    workflow: str
    problems: tuple[str, ...]


class UnknownWorkflow(SpaneError, LookupError):
    """No workflow of this name is registered in this process; `workflow` is the name."""


class ExecutionError(SpaneError):
    """Something about one execution; `execution` is its id."""

    execution: str


class UnknownExecution(ExecutionError):
    """There is no such execution."""

    def __init__(self, execution: str) -> None:
        super().__init__(
            f"Execution {execution!r} is not known here: it was never started on this store, or it ended longer ago "
            "than the retention keeps it. Check the id, the store (which Redis, or the folder of which embedded one) and "
            "SPANE_RETENTION_S.",
            execution=execution,
        )


class IllegalTransition(ExecutionError):
    """The verb does not apply now; `verb` and `status` are attributes."""

    verb: str
    status: str

    def __init__(self, execution: str, verb: str, status: str) -> None:
        super().__init__(
            f"Cannot {verb} execution {execution!r}: it is {status}. {_advice(verb, status)}",
            execution=execution,
            verb=verb,
            status=status,
        )


def _advice(verb: str, status: str) -> str:
    if status in ("failing", "cancelling", "compensating"):
        return "What runs comes to its end first; look again when the execution has ended."
    if status == "paused":
        return "Resume or cancel it."
    if verb == "resume" and status in ("running", "scheduled"):
        return "Only a paused execution is resumed."
    if status == "failed" and not verb.startswith("retry"):
        return "A failed execution refuses controls: retry its dead letter (`spane explain ID` names it), or replay it."
    return "A finished execution refuses controls; replay it, or start it again."


class UnknownDeadLetter(ExecutionError):
    """There is no such dead letter; `letter` is the id that was asked for."""

    def __init__(self, letter: str) -> None:
        super().__init__(
            f"Dead letter {letter!r} is not known here: it was never there, or it was retried or discarded, or it is older "
            "than SPANE_DEAD_LETTER_RETENTION_S. `engine.dead_letters.list()` and `spane dlq ls` have the ids.",
            execution=str(letter).partition(":")[0],
            letter=letter,
        )


class DeadLetterPassed(ExecutionError):
    """Its execution went on without the node (`on_failure="continue"` or `"skip"`), so that its output would come too late."""

    def __init__(self, letter: str, execution: str, status: str) -> None:
        super().__init__(
            f"Dead letter {letter!r} cannot be retried: its execution (it is {status}) went on without it, as "
            "its on_failure says. Discard it, or replay the execution from that node.",
            execution=execution,
            letter=letter,
            status=status,
        )


class UnknownEvent(ExecutionError):
    """No node of the execution waits for an event of that name; `event` is it, `events` are those that are waited for."""

    def __init__(self, execution: str, event: str, events: tuple[str, ...]) -> None:
        known = f"It waits for {', '.join(map(repr, events))}." if events else "Its workflow waits for none."
        super().__init__(
            f"Execution {execution!r} has no wait for an event {event!r}. {known} Nothing was sent.",
            execution=execution,
            event=event,
            events=events,
        )


class SignalRefused(ExecutionError):
    """A signal was not sent: its data cannot be taken, or too many wait already; `event` and `problems` say which and why."""

    def __init__(self, execution: str, event: str, problems: tuple[str, ...]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"Event {event!r} was not sent to execution {execution!r}:\n{lines}",
            execution=execution,
            event=event,
            problems=problems,
        )


class DeadLetterUndone(ExecutionError):
    """Its execution has undone what it had done, so that nothing can go on from where it failed."""

    def __init__(self, letter: str, execution: str) -> None:
        super().__init__(
            f"Dead letter {letter!r} cannot be retried: its execution has compensated, and what the nodes before it did is "
            "undone. Discard it, and replay the execution: whatever was undone runs again.",
            execution=execution,
            letter=letter,
        )


class KeyConflict(ExecutionError):
    """A start key that is in use came again with other inputs; `key` is an attribute."""

    def __init__(self, key: str, execution: str) -> None:
        super().__init__(
            f"Start key {key!r} already belongs to execution {execution!r}, which was started with other inputs. "
            "Use another key, or the same inputs to get that execution back.",
            execution=execution,
            key=key,
        )


class ExecutionFailed(ExecutionError):
    """The execution ended as failed. `node` and `error` (a `NodeError`) say where and why."""

    node: str | None
    error: Any


class DeadlineExceeded(ExecutionFailed):
    """The execution had not ended so long after its beginning as its start or its workflow gives it. `node` and `error` are None."""

    why: ClassVar[str] = (
        "it had not ended at its deadline. What ran then was stopped. See by its events what took so long, and replay it; "
        "replay(deadline_s=...) gives it another deadline."
    )

    def __init__(self, execution: str, workflow: str) -> None:
        super().__init__(
            f"Execution {execution!r} of workflow {workflow!r} failed: {self.why}",
            execution=execution,
            node=None,
            error=None,
        )


class ExecutionCancelled(ExecutionError):
    """The execution ended as cancelled; `reason` is an attribute."""

    reason: str

    def __init__(self, execution: str, reason: str) -> None:
        why = f": {reason}" if reason else ""
        super().__init__(f"Execution {execution!r} was cancelled{why}.", execution=execution, reason=reason)


class ExecutionStalled(ExecutionError, TimeoutError):
    """In process, nothing is running and nothing is due, but the execution has not ended.

    The message says what it waits for. Where time is real and a time to wait was given, it is raised when that is over, since
    another thread may signal or resume the execution.
    """


class ResultTimeout(ExecutionError, TimeoutError):
    """The result was not there within the time asked for; the execution itself goes on."""

    def __init__(self, execution: str, timeout_s: float, status: str) -> None:
        super().__init__(
            f"Execution {execution!r} is still {status} after {timeout_s:g} s. It goes on; call result() again, "
            "or check that a worker is running for its queues.",
            execution=execution,
            timeout_s=timeout_s,
            status=status,
        )


class AttemptError(SpaneError):
    """What can go wrong inside one attempt at one node, besides the user's own exception."""


class ValueMismatch(AttemptError):
    """A value does not fit the annotation of the parameter that takes it, or of the node that returned it.

    `parameter` is `"return"` for the latter. Never retried: it would not fit next time.
    """


class ResultNotSerialisable(AttemptError):
    """A node returned what JSON cannot carry. Never retried. `path` and `reason` say where in the value, and why."""

    path: tuple[str | int, ...]
    reason: str


class ValueTooLarge(AttemptError):
    """A value is larger than SPANE_MAX_VALUE_BYTES. Never retried."""


class EventTimeout(AttemptError, TimeoutError):
    """The event that a node waits for did not come in time; `event` is its name. Never retried: it would only wait again."""

    def __init__(self, event: str, node: str, within_s: float | None) -> None:
        super().__init__(
            f"Event {event!r} did not come within the {within_s:g} s that node {node!r} waits for it. Signal it in time, raise "
            "timeout_s, or go on without it: on_timeout=None.",
            event=event,
            node=node,
        )


class BreakerOpen(AttemptError):
    """A circuit breaker did not let an attempt through. `breaker` is its name, `after_s` when it lets one try."""

    breaker: str
    after_s: float

    def __init__(self, breaker: str, after_s: float) -> None:
        when = f"it lets one attempt through in {after_s:.3g} s" if after_s > 0 else "one attempt is trying it out now"
        super().__init__(
            f"Circuit breaker {breaker!r} is open, because what it guards kept failing; {when}. "
            '`when_open="wait"` lets nodes wait for it instead, and a `fallback` gives their value.',
            breaker=breaker,
            after_s=after_s,
        )


class UnknownBreaker(SpaneError, LookupError):
    """There is no circuit breaker of this name; `breaker` is the name."""

    def __init__(self, breaker: str) -> None:
        super().__init__(
            f"Circuit breaker {breaker!r} is not known here: nothing that it guards has failed within a day, or it has "
            "another name. `engine.breakers.list()` has the names.",
            breaker=breaker,
        )


class NodeTimeout(AttemptError, TimeoutError):
    """An attempt ran past its timeout; it counts as a failed try."""


class WorkerLost(AttemptError):
    """The worker process died while it ran the node, more than once. Never raised: it is the type of the error of a dead letter."""


class AttemptRejected(AttemptError):
    """A Dramatiq middleware skipped or rejected an attempt before its node ran. Never raised: it is the type of its error."""


class SubWorkflowFailed(AttemptError):
    """The child execution that a node runs failed, was cancelled, or is gone. Never retried.

    `child` is its id, `workflow` its name, `status` how it ended; `node` and `error` (a `NodeError`) say where and why, if
    it failed.
    """

    child: str
    workflow: str
    status: str
    node: str | None
    error: Any


class StoreError(SpaneError):
    """Redis, or whatever stands in for it, cannot do what was asked."""


class StoreUnavailable(StoreError, ConnectionError):
    """The store cannot be reached."""


class EngineClosed(StoreError):
    """The engine that was asked, or whose execution was, is closed and has no connections any more."""

    def __init__(self) -> None:
        super().__init__(
            "This engine is closed: its `with` is over, or its close() was called. Keep it open for as long as its executions are "
            "asked for anything, or make another one."
        )


class PlanGone(StoreError):
    """The plan of an execution is not in the store any more; `plan` is its hash."""

    def __init__(self, plan: str) -> None:
        super().__init__(
            f"Plan {plan} is not in the store any more, though an execution needs it: the store has lost data. Start its "
            "workflow again to put the plan there.",
            plan=plan,
        )


class StoreUnsuitable(StoreError):
    """The store is too old or set up so that data would be lost; `faults` lists why."""


class StoreFull(StoreError):
    """The store is out of memory: nothing was started. Running work drains; try again later."""


class Signal(SpaneError):
    """What a node raises to steer its own outcome."""


class Skip(Signal):
    """End this node as skipped: it has nothing to do, and whoever is fed by nobody else is skipped as well.

    May be raised or returned. The message says why.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class Unrecoverable(Signal):
    """Fail this node now: no retry, straight to the dead letters."""


class RetryLater(Signal):
    """Try this node again after `after_s` seconds without spending an attempt, like HTTP's Retry-After.

    It waits 0.05 s at least: it costs nothing, so one that always asks for none would never rest.
    """

    after_s: float

    def __init__(self, after_s: float, message: str = "") -> None:
        if isinstance(after_s, bool) or not isinstance(after_s, int | float) or not 0 <= after_s <= _HUNDRED_YEARS_S:
            raise ValueError(
                f"{type(self).__name__} is given {after_s!r}; it takes seconds, from 0 up to a hundred years."
            )
        super().__init__(message or f"asked to be tried again in {after_s:g} s", after_s=after_s)


class RateLimited(RetryLater):
    """Try this node again after `after_s` seconds, and let no node of its type start before; `context.rate_limited` raises it."""
