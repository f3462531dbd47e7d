"""Crash everywhere: run a workflow again and again, with a worker that dies before or after each of its commits.

A worker of one session runs one node at a time on the test's own thread, so that every run is the same up to its crash.
Its death is that of a process: what it held is taken over by the next session once the lease is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import fakeredis

from spane.authoring.registry import Registry
from spane.authoring.resources import Resources
from spane.authoring.workflow import Workflow
from spane.control.options import StartOptions
from spane.control.starting import Starter
from spane.errors import ExecutionStalled
from spane.model.ids import new_session_id
from spane.model.state import ExecutionState
from spane.runtime import endings, pending
from spane.runtime.claim import Claim
from spane.runtime.clock import VirtualClock
from spane.runtime.commands import Commands
from spane.runtime.executor import Executor
from spane.runtime.keys import Keys
from spane.runtime.programs import Programs
from spane.runtime.store import Limits, Store
from spane.runtime.watchdog import Watchdog

Moment = Literal["before", "after"]


@dataclass(frozen=True)
class Crash:
    """One run: where its worker died (`node` None: nowhere), what ran, and how it ended.

    `result` is what the workflow returned; it raises as `Execution.result` does where the run failed.
    """

    node: str | None
    moment: Moment
    attempt: int
    status: ExecutionState
    ran: tuple[str, ...]
    _read: Any = field(repr=False)

    @property
    def result(self) -> Any:
        """What the workflow returned."""
        return self._read()

    @property
    def ran_twice(self) -> dict[str, int]:
        """How often each node ran that ran more than once, retries included."""
        return {node: times for node, times in Counter(self.ran).items() if times > 1}

    def __str__(self) -> str:
        where = f"crash {self.moment} the commit of {self.node!r}, attempt {self.attempt}" if self.node else "no crash"
        again = ", ".join(f"{node} {times} times" for node, times in self.ran_twice.items()) or "nothing twice"
        return f"{where}: {self.status}; ran {again}"


class _Died(BaseException):
    """The worker's process is gone."""


def crash_everywhere(workflow: Workflow[..., Any], inputs: Mapping[str, Any], known: Registry) -> Iterator[Crash]:
    """Yield one run without a crash, then one with a crash before and one with a crash after each commit."""
    run = _Run(workflow, known, crash_at=None, moment="before")
    yield run.to_the_end(inputs)
    at = 0
    while at < run.commits:
        yield _Run(workflow, known, crash_at=at, moment="before").to_the_end(inputs)
        run = _Run(workflow, known, crash_at=at, moment="after")
        yield run.to_the_end(inputs)
        at += 1


class _Run:
    """One execution on a store of its own, and the sessions that work on it one after the other."""

    def __init__(self, workflow: Workflow[..., Any], known: Registry, *, crash_at: int | None, moment: Moment) -> None:
        self.workflow = workflow
        self.known = known
        self.crash_at = crash_at
        self.moment = moment
        self.clock = VirtualClock(frozen=True)
        self.store = Store(fakeredis.FakeRedis(protocol=2), Keys(), clock=self.clock, limits=Limits(), functions=False)
        self.queues = sorted(workflow.plan.queues)
        self.commits = 0
        self.crashed: Claim | None = None
        self.ran: list[str] = []

    def to_the_end(self, inputs: Mapping[str, Any]) -> Crash:
        """Work until the execution has ended."""
        store = self.store
        store.load_scripts()
        execution = Starter(store).start(self.workflow, inputs, StartOptions())
        while not ExecutionState(store.status(execution)).ended:
            try:
                _Session(self).work(execution)
            except _Died:
                self.clock.advance(store.limits.lease_ms + 1)
                while store.rescue():
                    pass
        return self._report(execution)

    def _report(self, execution: str) -> Crash:
        def read() -> Any:
            raw = endings.result(self.store, execution)
            return None if raw is None else self.workflow.decode_result(raw)

        died = self.crashed
        return Crash(
            died.node if died else None,
            self.moment,
            died.attempt if died else 0,
            ExecutionState(self.store.status(execution)),
            tuple(self.ran),
            read,
        )


class _Session:
    """A worker process: it fetches one node, runs it, commits it, until nothing is left to do or it dies."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.loop = asyncio.new_event_loop()
        self.resources = Resources(run=self.loop.run_until_complete)
        self.watchdog = Watchdog()
        self.executor = Executor(run.store, Programs(run.store, run.known), self.resources, self.watchdog)
        self.executor.quiet = True
        self.commands = Commands(run.store, new_session_id(), random.Random(0))

    def work(self, execution: str) -> None:
        """Work until the execution has ended."""
        try:
            while not ExecutionState(self.run.store.status(execution)).ended:
                claim = self._fetch()
                if claim is not None:
                    self._execute(claim)
                    self._commit(claim)
                else:
                    self._wait(execution)
        finally:
            # Not what a crash does, but no test should leak what its nodes opened.
            self.watchdog.close()
            self.resources.close()
            self.loop.close()

    def _fetch(self) -> Claim | None:
        fetch, queues = self.commands.fetch, self.run.queues
        for command in (
            fetch(queues, (), 0, 0, unsorted=1),
            fetch(queues, (), 1, 0),
            fetch(queues, (), 0, 1),
            fetch(queues, (), 0, 0, alone=True),
        ):
            _, _, _, _, *rows = self._send(command)
            if rows:
                return Claim(rows[0])
        return None

    def _send(self, command: tuple[Any, ...]) -> Any:
        return self.run.store.client.execute_command(*command)

    def _execute(self, claim: Claim) -> None:
        if claim.is_unsorted:
            self.executor.sort(claim)
            return
        self.run.ran.append(claim.node)
        # What a node raises stands in its claim as an outcome.
        with contextlib.suppress(BaseException):
            if claim.on_loop:
                self.loop.run_until_complete(self.executor.run_on_loop(claim))
            else:
                self.executor.run(claim)

    def _commit(self, claim: Claim) -> None:
        assert claim.outcome is not None
        run = self.run
        dies = run.crashed is None and run.commits == run.crash_at
        run.commits += 1
        if dies:
            run.crashed = claim
        if dies and run.moment == "before":
            raise _Died
        for command in self.commands.commit(claim, claim.outcome, ""):
            self._send(command)
        if dies:
            raise _Died

    def _wait(self, execution: str) -> None:
        due_ms = pending.next_due_ms(self.run.store)
        if due_ms is None:
            raise ExecutionStalled(
                f"Workflow {self.run.workflow.name!r} cannot go on: nothing runs and nothing is due, but it has not "
                "ended. Register the node types that it needs.",
                execution=execution,
            )
        self.run.clock.advance(max(0, due_ms))
