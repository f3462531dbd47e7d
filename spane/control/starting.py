"""Start executions: validate inputs, store the plan once, and ask for the transition."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec

from spane.authoring.workflow import Bound, Workflow
from spane.errors import InputError, KeyConflict
from spane.model.ids import new_execution_id
from spane.runtime.store import Start, StartReply, Store

_MOST_PRIORITY = 10


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What can be said about a start besides its inputs."""

    priority: int = 5
    delay_s: float = 0.0
    key: str | None = None
    tenant: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> StartOptions:
        """Return options given as keywords; a TypeError names one that does not exist."""
        known = [option.name for option in fields(cls)]
        unknown = [name for name in options if name not in known]
        if unknown:
            raise TypeError(f"start() has no option {', '.join(unknown)}; it has {', '.join(known)}.")
        return cls(**options)

    def check(self, workflow: str) -> None:
        """Raise `InputError` naming everything that is out of range; nothing is created then."""
        problems = []
        if (
            isinstance(self.priority, bool)
            or not isinstance(self.priority, int)
            or not 1 <= self.priority <= _MOST_PRIORITY
        ):
            problems.append(f"priority is {self.priority!r}; it goes from 1 (last) to 10 (first).")
        if not (self.delay_s >= 0 and math.isfinite(self.delay_s)):
            problems.append(f"delay_s is {self.delay_s!r}; it is zero or more seconds.")
        if self.key is not None and (not self.key or "|" in self.key or len(self.key) > 500):
            problems.append(f"key is {self.key!r}; it has 1 to 500 characters and no '|'.")
        if self.tenant is not None and (not self.tenant or "|" in self.tenant):
            problems.append(f"tenant is {self.tenant!r}; it is not empty and has no '|'.")
        if problems:
            lines = "\n".join(f"  - {problem}" for problem in problems)
            raise InputError(
                f"Workflow {workflow!r} cannot be started so:\n{lines}", workflow=workflow, problems=tuple(problems)
            )


class Starter:
    """Starts executions on one store, remembering which plans it has stored there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stored: set[str] = set()
        self._hashes: dict[int, tuple[Workflow[..., Any], str]] = {}

    def start(self, workflow: Workflow[..., Any], inputs: Mapping[str, Any], options: StartOptions) -> str:
        """Start one execution and return its id, or the id that its key already has."""
        start = self.prepare(workflow, inputs, options)
        started = self._started(workflow, start, self._store.start(start))
        if isinstance(started, Exception):
            raise started
        return started

    def start_many(
        self, workflow: Workflow[..., Any], inputs: Sequence[Mapping[str, Any]], options: StartOptions
    ) -> list[str | Exception]:
        """Start many executions in few round trips; index-aligned, a bad item gives its error and stops no other."""
        prepared: list[Start | Exception] = []
        for item in inputs:
            try:
                prepared.append(self.prepare(workflow, item, options))
            except InputError as error:
                prepared.append(error)
        starts = [start for start in prepared if isinstance(start, Start)]
        replies = [
            reply
            for first in range(0, len(starts), 200)
            for reply in self._store.start_many(starts[first : first + 200])
        ]
        started = iter([self._started(workflow, *pair) for pair in zip(starts, replies, strict=True)])
        return [next(started) if isinstance(start, Start) else start for start in prepared]

    def _started(self, workflow: Workflow[..., Any], start: Start, reply: StartReply) -> str | Exception:
        """Return the execution of a start, storing the plan where it was gone."""
        if reply.status == "noplan":
            self._store.put_plan(workflow.plan)
            reply = self._store.start(start)
        return KeyConflict(start.key, reply.execution) if reply.status == "conflict" else reply.execution

    def prepare(self, workflow: Workflow[..., Any], inputs: Mapping[str, Any], options: StartOptions) -> Start:
        """Validate a start and make sure that its plan is stored."""
        options.check(workflow.name)
        plan_hash = self._store_plan(workflow)
        raw = workflow.encode_inputs(inputs)
        metadata = {"tags": list(options.tags), **options.metadata} if options.tags or options.metadata else {}
        return Start(
            execution=new_execution_id(),
            plan=plan_hash,
            workflow=workflow.name,
            inputs=raw,
            priority=options.priority,
            delay_ms=round(options.delay_s * 1000),
            key=options.key or "",
            digest=hashlib.sha256(raw).hexdigest()[:32] if options.key else "",
            tenant=options.tenant or "",
            metadata=msgspec.json.encode(metadata),
        )

    def _store_plan(self, workflow: Workflow[..., Any]) -> str:
        known = self._hashes.get(id(workflow))
        if known is None or known[0] is not workflow:
            known = self._hashes[id(workflow)] = (workflow, workflow.plan.hash)
        if known[1] not in self._stored:
            self._store.put_plan(workflow.plan)
            self._stored.add(known[1])
        return known[1]


def split(
    workflow: Workflow[..., Any] | Bound[Any], inputs: Mapping[str, Any] | None
) -> tuple[Workflow[..., Any], Mapping[str, Any]]:
    """Return the workflow and inputs of a start, from `workflow, inputs` or from a bound workflow."""
    if isinstance(workflow, Bound):
        if inputs is not None:
            raise InputError(
                f"Workflow {workflow.workflow.name!r} is bound to its inputs already; give them once.",
                workflow=workflow.workflow.name,
                problems=("inputs given twice",),
            )
        return workflow.workflow, workflow.inputs
    return workflow, inputs or {}
