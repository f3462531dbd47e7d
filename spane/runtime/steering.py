"""The transitions that steer executions that are there already: each for many of them in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spane.errors import StoreError
from spane.runtime.layout import parts
from spane.runtime.store import Store

_CALLS_A_TRIP = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script answered: its code, what comes with it, and which other execution it is about ('' for none)."""

    code: str
    detail: str = ""
    execution: str = ""


class Steering:
    """Asks for transitions of one store; replies are index-aligned, with an error where Redis refused or lost one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pause(self, executions: Sequence[str], reason: str) -> list[Reply | StoreError]:
        """Pause executions; `ok` comes with how many attempts are still leased."""
        return self._ask("pause", ((execution, reason) for execution in executions))

    def resume(self, executions: Sequence[str]) -> list[Reply | StoreError]:
        """Resume paused executions; `ok` comes with the status that follows."""
        return self._ask("resume", ((execution, *self._store.kept_ms) for execution in executions))

    def cancel(self, executions: Sequence[str], reason: str) -> list[Reply | StoreError]:
        """Cancel executions; `ok` comes with how many attempts are still leased."""
        return self._ask("cancel", ((execution, reason, *self._store.kept_ms) for execution in executions))

    def heal(self, dead: Sequence[tuple[str, str]]) -> list[Reply | StoreError]:
        """Retry dead letters, (execution, node) each; `ok` comes with the generation of the execution."""
        return self._ask("heal", dead)

    def may_heal(self, dead: Sequence[tuple[str, str]]) -> list[Reply | StoreError]:
        """Return what `heal` would answer by now; nothing is written."""
        return self._ask("heal", ((*each, "ask") for each in dead))

    def discard(self, dead: Sequence[tuple[str, str]]) -> list[Reply | StoreError]:
        """Discard dead letters, (execution, node) each."""
        return self._ask("discard", ((*each, self._store.limits.retention_ms) for each in dead))

    def _ask(self, script: str, calls: Iterable[tuple[Any, ...]]) -> list[Reply | StoreError]:
        store = self._store
        found: list[Reply | StoreError] = []
        for part in parts(calls, _CALLS_A_TRIP):
            replies = store.call_many(script, [(store.clock.injected, *call) for call in part])
            found += [reply if isinstance(reply, StoreError) else _read(reply) for reply in replies]
        return found


def _read(reply: Sequence[Any]) -> Reply:
    texts = [part.decode() if isinstance(part, bytes) else str(part) for part in reply]
    return Reply(*texts[:3])
