"""Start executions: validate inputs, store the plan once, and ask for the transition."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from spane.authoring.registry import Registry
from spane.authoring.workflow import Bound, Workflow
from spane.control.options import StartOptions, is_storable
from spane.errors import InputError, KeyConflict, StoreError, StoreUnavailable
from spane.model.ids import new_execution_id
from spane.model.limit_keys import pool_of_workflow
from spane.model.paths import shorten
from spane.runtime.store import Start, StartReply, Store

_STARTS_A_CALL = 200
#: Plans known to be stored; past this many they are stored again, which changes nothing.
_PLANS_KNOWN = 10_000


class Starter:
    """Starts executions on one store, remembering which plans it has stored there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stored: set[str] = set()
        self._hashes: WeakKeyDictionary[Workflow[..., Any], str] = WeakKeyDictionary()

    def start(self, workflow: Workflow[..., Any], inputs: Mapping[str, Any], options: StartOptions) -> str:
        """Start one execution and return its id, or the id that its key already has."""
        options.check(workflow.name)
        start = self._prepare(workflow, inputs, options)
        try:
            reply: StartReply | StoreError = self._store.start(start)
        except StoreError as error:
            reply = error
        started = self._started(workflow, start, reply)
        if isinstance(started, Exception):
            raise started
        return started

    def start_many(
        self,
        workflow: Workflow[..., Any],
        inputs: Sequence[Mapping[str, Any]],
        options: StartOptions,
        keys: Sequence[str | None] | None = None,
    ) -> list[str | Exception]:
        """Start many executions in few round trips.

        Index-aligned: an id, or the error of an item that is bad, or that Redis refused or lost, which stops no other.
        """
        options.check(workflow.name, keyed=keys is not None)
        prepared = [
            self._prepared(workflow, item, each)
            for item, each in zip(inputs, _options_of(workflow, options, keys, len(inputs)), strict=True)
        ]
        starts = [start for start in prepared if isinstance(start, Start)]
        started = iter(self._start_all(workflow, starts))
        return [next(started) if isinstance(start, Start) else start for start in prepared]

    def _prepared(
        self, workflow: Workflow[..., Any], inputs: Mapping[str, Any], options: StartOptions | InputError
    ) -> Start | InputError:
        if isinstance(options, InputError):
            return options
        try:
            return self._prepare(workflow, inputs, options)
        except InputError as error:
            return error

    def _start_all(self, workflow: Workflow[..., Any], starts: Sequence[Start]) -> Iterator[str | Exception]:
        for first in range(0, len(starts), _STARTS_A_CALL):
            part = starts[first : first + _STARTS_A_CALL]
            replies = self._store.start_many(part)
            yield from (self._started(workflow, start, reply) for start, reply in zip(part, replies, strict=True))
            if all(isinstance(reply, StoreUnavailable) for reply in replies):
                # Asking on and on would take a timeout each.
                left = starts[first + _STARTS_A_CALL :]
                yield from (StoreUnavailable(f"{replies[0]} It was not even tried to start this one.") for _ in left)
                return

    def _started(self, workflow: Workflow[..., Any], start: Start, reply: StartReply | StoreError) -> str | Exception:
        """Return the execution of a start, storing the plan where it was gone."""
        try:
            if isinstance(reply, StartReply) and reply.status == "noplan":
                self._put_plans(workflow)
                reply = self._store.start(start)
        except StoreError as error:
            reply = error
        if isinstance(reply, StoreUnavailable):
            return _unsure(start, reply)
        if isinstance(reply, StoreError):
            return reply
        if reply.status == "past":
            return _past(start, int(reply.execution))
        return KeyConflict(start.key, reply.execution) if reply.status == "conflict" else reply.execution

    def _prepare(self, workflow: Workflow[..., Any], inputs: Mapping[str, Any], options: StartOptions) -> Start:
        """Validate inputs and make sure that the plan is stored."""
        plan_hash = self._store_plan(workflow)
        check_names(workflow.name, inputs)
        raw = workflow.encode_inputs(inputs)
        _check_size(workflow.name, raw, self._store.limits.max_value_bytes)
        return Start(
            execution=new_execution_id(),
            plan=plan_hash,
            workflow=workflow.name,
            inputs=raw,
            priority=options.priority,
            delay_ms=round((options.debounce_s or options.delay_s) * 1000),
            key=options.key or "",
            digest=hashlib.sha256(raw).hexdigest()[:32] if options.key else "",
            tenant=options.tenant or "",
            metadata=options.labels(),
            pool=pool_of_workflow(workflow.name, workflow.plan.limit, raw),
            key_means="t" if options.throttle_s else "d" if options.debounce_s else "",
            period_ms=round((options.throttle_s or 0) * 1000),
            at_ms=None if options.at is None else round(options.at.timestamp() * 1000),
            within_ms=None if options.deadline_s is None else round(options.deadline_s * 1000),
        )

    def _store_plan(self, workflow: Workflow[..., Any]) -> str:
        known = self._hashes.get(workflow)
        if known is None:
            known = self._hashes[workflow] = workflow.plan.hash
        if known not in self._stored:
            self._put_plans(workflow)
            if len(self._stored) >= _PLANS_KNOWN:
                self._stored.clear()
            self._stored.add(known)
        return known

    def _put_plans(self, workflow: Workflow[..., Any]) -> None:
        """Store the plan of a workflow after those that it calls."""
        for plan in (*workflow.kids, workflow.plan):
            self._store.put_plan(plan)


def _check_size(workflow: str, raw: bytes, most: int) -> None:
    if len(raw) > most:
        problem = (
            f"they are {len(raw):,} bytes of JSON; the most is {most:,} (SPANE_MAX_VALUE_BYTES). Store what is large "
            "elsewhere and give a reference to it."
        )
        raise InputError(f"The inputs of workflow {workflow!r}:\n  - {problem}", workflow=workflow, problems=(problem,))


def _options_of(
    workflow: Workflow[..., Any], options: StartOptions, keys: Sequence[str | None] | None, count: int
) -> Iterator[StartOptions | InputError]:
    """Yield the options of each of many starts: all the same but for the keys, if there are any.

    A key that is None is that of the workflow's definition.
    """
    if keys is None:
        yield from (options for _ in range(count))
        return
    if options.key is not None or isinstance(keys, str) or len(keys) != count:
        problem = f"keys has one key, or None, for each of the {count} inputs, and key is left out then."
        raise InputError(
            f"Workflow {workflow.name!r} cannot be started so:\n  - {problem}",
            workflow=workflow.name,
            problems=(problem,),
        )
    for key in keys:
        each = dataclasses.replace(options, key=workflow.draft.starts.key if key is None else key)
        try:
            each.check(workflow.name)
        except InputError as error:
            yield error
        else:
            yield each


def _past(start: Start, now_ms: int) -> InputError:
    at, now = (datetime.fromtimestamp(ms / 1000, UTC).isoformat() for ms in (start.at_ms or 0, now_ms))
    problem = f"at is {at}, which is past: by the clock of the store it is {now}. Leave it out to start now."
    return InputError(
        f"Workflow {start.workflow!r} cannot be started so:\n  - {problem}",
        workflow=start.workflow,
        problems=(problem,),
    )


def _unsure(start: Start, error: StoreUnavailable) -> StoreUnavailable:
    """Return the error of a start whose reply was lost; `execution` is the id that it would have."""
    again = "start it again with its key" if start.key else f"see whether engine.get({start.execution!r}) finds it"
    return StoreUnavailable(f"{error} If it is to be started once only, {again}.", execution=start.execution)


def check_names(workflow: str, inputs: Mapping[str, Any]) -> None:
    """Raise `InputError` for inputs that are not given by name."""
    if not isinstance(inputs, Mapping):
        problems = [f"inputs are {shorten(inputs)}; they are a dict of values by name."]
    else:
        problems = [f"{shorten(name)}: names of inputs are text." for name in inputs if not is_storable(name)]
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise InputError(
            f"The inputs do not fit workflow {workflow!r}:\n{lines}", workflow=workflow, problems=tuple(problems)
        )


def split(
    workflow: Workflow[..., Any] | Bound[Any] | str, inputs: Mapping[str, Any] | None, registry: Registry
) -> tuple[Workflow[..., Any], Mapping[str, Any]]:
    """Return the workflow and inputs of a start, from a workflow, its registered name, or a bound workflow."""
    if isinstance(workflow, str):
        workflow = registry.resolve_workflow(workflow)
    if isinstance(workflow, Bound):
        if inputs is not None:
            raise InputError(
                f"Workflow {workflow.workflow.name!r} is bound to its inputs already; give them once.",
                workflow=workflow.workflow.name,
                problems=("inputs given twice",),
            )
        return workflow.workflow, workflow.inputs
    return _required(workflow), inputs or {}


def split_many(
    workflow: Workflow[..., Any] | str, inputs: Iterable[Mapping[str, Any]], registry: Registry
) -> tuple[Workflow[..., Any], Sequence[Mapping[str, Any]]]:
    """Return the workflow of many starts, and their inputs one by one."""
    chosen = registry.resolve_workflow(workflow) if isinstance(workflow, str) else workflow
    if isinstance(inputs, str | Mapping) or not isinstance(inputs, Iterable):
        raise TypeError(f"Many starts take a list of inputs, a dict for each of them, and not {shorten(inputs)}.")
    return _required(chosen), list(inputs)


def _required(workflow: Any) -> Workflow[..., Any]:
    if not isinstance(workflow, Workflow):
        raise TypeError(
            f"What is started is a workflow, one bound to its inputs, or the name of one, and not {shorten(workflow)}. "
            "Decorate a function with @workflow, or wire nodes by workflow.of(...)."
        )
    return workflow
