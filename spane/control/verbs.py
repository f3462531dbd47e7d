"""Pause, resume and cancel: one execution or many, with an answer for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from spane.control.options import check_reason, is_storable
from spane.errors import IllegalTransition, StoreError, UnknownExecution
from spane.model.state import ExecutionState
from spane.runtime.steering import Reply, Steering
from spane.runtime.store import Store

T = TypeVar("T")


def pause(store: Store, executions: Sequence[str], reason: str = "") -> list[int | Exception]:
    """Pause executions; each comes to how many attempts may still end, or to an error."""
    check_reason(reason, "paused")
    return _each(executions, "pause", lambda ids: Steering(store).pause(ids, reason), int)


def resume(store: Store, executions: Sequence[str]) -> list[ExecutionState | Exception]:
    """Resume executions; each comes to the status that it has now, or to an error."""
    return _each(executions, "resume", Steering(store).resume, ExecutionState)


def cancel(store: Store, executions: Sequence[str], reason: str = "") -> list[int | Exception]:
    """Cancel executions; each comes to how many attempts may still end, or to an error."""
    check_reason(reason, "cancelled")
    return _each(executions, "cancel", lambda ids: Steering(store).cancel(ids, reason), int)


def only(results: Sequence[T | Exception]) -> T:
    """Return the one result, or raise it."""
    [result] = results
    if isinstance(result, Exception):
        raise result
    return result


def _each(
    executions: Sequence[str],
    verb: str,
    ask: Callable[[Sequence[str]], list[Reply | StoreError]],
    read: Callable[[str], T],
) -> list[T | Exception]:
    # An id that UTF-8 cannot carry is nobody's.
    replies = iter(ask([execution for execution in executions if is_storable(execution)]))
    return [
        _result(execution, verb, next(replies), read) if is_storable(execution) else UnknownExecution(execution)
        for execution in executions
    ]


def _result(execution: str, verb: str, reply: Reply | StoreError, read: Callable[[str], T]) -> T | Exception:
    if isinstance(reply, StoreError):
        return reply
    if reply.code == "unknown":
        return UnknownExecution(execution)
    if reply.code == "illegal":
        return IllegalTransition(execution, verb, reply.detail)
    return read(reply.detail)
