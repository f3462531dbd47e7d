"""What a failed test says: the node, its inputs, and the user's own traceback, before anything of the engine."""

from __future__ import annotations

import contextlib
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spane.engine import Engine, Execution
from spane.errors import ExecutionFailed, SpaneError, UnknownExecution, ValueMismatch
from spane.model.frames import own_frames
from spane.runtime import inputs
from spane.runtime.claim import Claim
from spane.runtime.store import Store
from spane.testing.story import Events

_MOST_EVENTS = 60
_MOST_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Failure:
    """A node that failed its execution: the exception that it raised, and what it was given."""

    exception: BaseException
    node: str
    execution: str
    workflow: str
    attempt: int
    attempts: int
    inputs: dict[str, Any]

    def lines(self) -> list[str]:
        """Return the heading of a failed test."""
        tries = f"attempt {self.attempt} of {self.attempts}" if self.attempts > 1 else "its only attempt"
        shown = [f"    {name} = {_shortened(value)}" for name, value in self.inputs.items()]
        return [
            f"Node {self.node!r} of workflow {self.workflow!r} failed in {tries}, called with",
            *(shown or ["    nothing"]),
        ]


def _shortened(value: Any) -> str:
    shortener = reprlib.Repr()
    shortener.maxdict = shortener.maxlist = shortener.maxtuple = shortener.maxset = 8
    shortener.maxstring = shortener.maxother = _MOST_CHARACTERS
    return shortener.repr(value)


def of(engine: Engine, execution: Execution[Any]) -> Failure | None:
    """Return why an execution failed; None where no exception in this process did it."""
    process = engine.broker.process
    node, plan = engine.store.fields(execution.id, "@bad", "@pl")
    if process is None or node is None or plan is None:
        return None
    error = process.exceptions.get((execution.id, node))
    if error is None or isinstance(error, KeyboardInterrupt):
        return None  # A raised KeyboardInterrupt would end the whole test run; `ExecutionFailed` tells of it.
    profile = engine.store.client.hget(engine.store.keys.plan(plan), f"p:{node}")
    row = [execution.id.encode(), node.encode(), b"", plan.encode(), profile, 0, 0, b"", 0, None]
    claim = Claim(row)
    program = process.programs.of(plan, node, claim.page)
    view = execution.nodes()[node]
    return Failure(
        error.with_traceback(own_frames(error.__traceback__)),
        node,
        execution.id,
        program.workflow,
        view.error.attempt if view.error else view.attempt,
        program.node.retry.attempts,
        _inputs(engine.store, claim, program),
    )


def _inputs(store: Store, claim: Claim, program: Any) -> dict[str, Any]:
    """Return the arguments as the node gets them; the parents' outputs where they do not fit it."""
    stored = store.outputs(claim.execution, program.fields)
    claim.values = [stored.get(field) for field in program.fields]
    try:
        args, kwargs = inputs.bind(claim, program)
    except ValueMismatch:
        return {"inputs" if name == "@in" else name: raw.decode() for name, raw in stored.items()}
    before = dict(zip(program.positional, args, strict=False))
    rest = args[len(before) :]
    return {**before, **({f"*{program.variadic_name}": rest} if rest else {}), **kwargs}


def hide_engine(error: BaseException) -> None:
    """Take the engine's frames out of an exception and its causes, and causes that are all the engine's own."""
    error.__traceback__ = own_frames(error.__traceback__) or error.__traceback__
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is None:
        return
    if isinstance(error, SpaneError) and own_frames(before.__traceback__) is None:
        error.__cause__ = None
        error.__suppress_context__ = True
    else:
        hide_engine(before)


def explain(report: Any, error: BaseException, known: Sequence[Failure], engine: Engine, events: Events) -> None:
    """Add to a pytest report what a node had to do with its failure, and what happened."""
    failure = next((each for each in known if each.exception is error), None)
    if isinstance(error, ExecutionFailed):
        with contextlib.suppress(UnknownExecution):
            failure = of(engine, engine.get(error.execution))
    if failure is not None:
        _begin(report, failure.lines())
    if events:
        lines = events.lines()
        left_out = [f"({len(lines) - _MOST_EVENTS} earlier events)"] if len(lines) > _MOST_EVENTS else []
        report.sections.append(("SPANE events", "\n".join([*left_out, *lines[-_MOST_EVENTS:]])))


def _begin(report: Any, lines: list[str]) -> None:
    chain = getattr(report.longrepr, "chain", None)
    try:
        from _pytest._code.code import ReprEntryNative  # noqa: PLC0415 - pytest has no public way to say it first
    except ImportError:
        chain = None
    if chain:
        chain[0][0].reprentries.insert(0, ReprEntryNative([f"{line}\n" for line in lines]))
    else:
        report.sections.insert(0, ("SPANE node", "\n".join(lines)))
