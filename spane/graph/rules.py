"""Faults in the rules that a node runs by: retry, timeout, queue, priority, delay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

from spane.errors import Fault
from spane.graph.spelling import nearest
from spane.model.draft import Draft
from spane.model.ids import NAME_RULE, is_name
from spane.model.node_type import NodeOptions, ParameterKind
from spane.model.rules import OnFailure, RetryPolicy

_BACKOFFS = ("exponential", "fixed")

#: Timers are kept in milliseconds and must stay exact as Lua numbers; a hundred years is past any use.
_MOST_S = 100 * 366 * 86_400.0


def options(draft: Draft) -> Iterator[Fault]:
    """Find options that are out of their range or make no sense."""
    handler = [] if draft.on_failure is None else [draft.on_failure]
    for call in (*draft.calls, *handler):
        for problem in problems(call.options):
            yield Fault("bad-option", f"Node {call.id!r}: {problem}", call.where)
        limit, node_type = call.options.limit, call.node_type
        if limit is not None and limit.key is not None and node_type is not None:
            names = [p.name for p in node_type.parameters if p.kind is ParameterKind.DATA]
            if fault := _of_key(limit.key, names):
                yield Fault("bad-limit", f"Node {call.id!r}: {fault}", call.where)
    if draft.limit is None or draft.limit.key is None or draft.accepts_any_input:
        return
    if fault := _of_key(draft.limit.key, [p.name for p in draft.inputs]):
        yield Fault("bad-limit", f"Workflow {draft.workflow!r}: {fault}", draft.where)


def _of_key(key: str, names: list[str]) -> str | None:
    """Return what is wrong with the key of a limit, which begins with the name of a parameter."""
    name = key.partition(".")[0]
    if name in names:
        return None
    meant = nearest(name, names)
    advice = f"Did you mean {meant!r}?" if meant else f"It has {', '.join(names) or 'none'}."
    return f"the key of its limit is {key!r}, but it has no parameter {name!r}. {advice}"


def problems(of: NodeOptions) -> Iterator[str]:
    """Find what is wrong with options, each as a sentence."""
    if of.timeout_s is not None and not _in_range(of.timeout_s, 0.001):
        yield f"timeout_s is {of.timeout_s!r}; give seconds from 0.001 up, or None for no timeout."
    if not _in_range(of.delay_s, 0):
        yield f"delay_s is {of.delay_s!r}; give seconds from 0 up."
    if of.priority is not None and not _whole(of.priority, 1, 10):
        yield f"priority is {of.priority!r}; give a whole number from 1 (last) to 10 (first), or None for the default."
    if not isinstance(of.queue, str) or not is_name(of.queue):
        yield f"queue is {of.queue!r}; a queue's name has {NAME_RULE}."
    if of.on_failure not in get_args(OnFailure):
        yield f"on_failure is {of.on_failure!r}; give 'fail', 'continue' or 'skip'."
    if not isinstance(of.version, str):
        yield f"version is {of.version!r}; give text."
    if isinstance(of.retry, RetryPolicy):
        yield from _of_retry(of.retry)
    else:
        yield f"retry is {of.retry!r}; give a Retry."


def _of_retry(retry: RetryPolicy) -> Iterator[str]:
    if not _whole(retry.attempts, 1, 1_000_000):
        yield f"retry.attempts is {retry.attempts!r}; give a whole number from 1 (no retry) up."
    if retry.backoff not in _BACKOFFS:
        yield f"retry.backoff is {retry.backoff!r}; give 'exponential' or 'fixed'."
    if not _in_range(retry.base_s, 0):
        yield f"retry.base_s is {retry.base_s!r}; give seconds from 0 up."
    if not _in_range(retry.max_s, 0):
        yield f"retry.max_s is {retry.max_s!r}; give seconds from 0 up."
    if not _in_range(retry.factor, 1):
        yield f"retry.factor is {retry.factor!r}; give a number from 1 up."
    if not _in_range(retry.jitter, 0, 1):
        yield f"retry.jitter is {retry.jitter!r}; give a share from 0 to 1."
    for name in ("retry_on", "give_up_on"):
        listed = getattr(retry, name)
        if not isinstance(listed, tuple) or not all(isinstance(one, str) and one.count(":") == 1 for one in listed):
            yield f"retry.{name} is {listed!r}; give exception classes (in a definition, 'module:Name')."


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _in_range(value: object, least: float, most: float = _MOST_S) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return math.isfinite(value) and least <= value <= most
