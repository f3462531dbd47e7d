"""The commands that a worker session sends: transitions with their arguments, ready for the wire."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from typing import Any

from spane.model.outcome import (
    Awaits,
    Cancelled,
    Descends,
    Expanded,
    Outcome,
    RetryAt,
    Skipped,
    Sorts,
    Succeeded,
    Undoes,
    Unfit,
    encode_error,
)
from spane.runtime.claim import Claim
from spane.runtime.layout import ALONE_SUFFIX, ASYNC_SUFFIX, HANDED, SUFFIXES, SUSPECT, UNSORTED
from spane.runtime.store import BLOB_MARK, Store

Command = tuple[Any, ...]

#: Few enough that a fetch stays below some 5 ms, enough that 100,000 timers of one instant are queued within a second.
_TIMERS_A_FETCH = 500
_TURNS = ((SUFFIXES[HANDED], ""), ("", SUFFIXES[HANDED]))


class Commands:
    """Builds one session's commands. Every token it gives out is new: the session and a running number.

    `tossed` decides which of two lanes a fetch names first.
    """

    def __init__(self, store: Store, session: str, tossed: random.Random | None = None) -> None:
        self._store = store
        self._session = session
        self._tossed = tossed or random.Random()
        self._number = 0

    def _token(self) -> str:
        self._number += 1
        return f"{self._session}.{self._number:x}"

    def commit(self, claim: Claim, outcome: Outcome, hand: str) -> list[Command]:
        """Commit an outcome, the last command; a large value, and what is told to a breaker, goes ahead of it. `hand` lists queues for `commit.lua`."""
        store, limits = self._store, self._store.limits
        if isinstance(outcome, Sorts):
            return [self._sort(claim, outcome)]
        if isinstance(outcome, Awaits):
            return [self._await(claim, outcome)]
        if isinstance(outcome, Descends):
            return [self._descend(claim, outcome)]
        if isinstance(outcome, Undoes):
            return [self._undo(claim)]
        if isinstance(outcome, Expanded):
            return [self._expand(claim, outcome)]
        ahead: list[Command] = self._tell(claim, outcome)
        extra: Any = 0
        spends: Any = 0
        opened = route = ""
        if isinstance(outcome, Succeeded):
            kind, payload = "s", outcome.raw
            if len(payload) > limits.inline_value_bytes:
                ahead.append(store.command("put_blob", claim.execution, claim.node, claim.token, payload))
                payload = BLOB_MARK + claim.token.encode()
            opened, route = listed(outcome.open), "" if outcome.route is None else listed(outcome.route) or ","
        elif isinstance(outcome, Skipped):
            kind, payload = "k", outcome.reason.encode()
        elif isinstance(outcome, RetryAt):
            kind, payload, extra = "r", encode_error(outcome.error), outcome.delay_ms
            spends = "p" if outcome.rests else int(outcome.spends)
        elif isinstance(outcome, Unfit):
            kind, payload, extra = "u", outcome.fingerprint.encode(), outcome.reason
        else:
            kind, payload = "x" if isinstance(outcome, Cancelled) else "f", encode_error(outcome.error)
        return [
            *ahead,
            store.command(
                "commit", store.clock.injected, self._session, claim.execution, claim.node, claim.token, kind, payload,
                claim.attempt, claim.duration_us, extra, spends, self._token(), hand, limits.retention_ms,
                limits.dead_letter_retention_ms, opened, route,
            ),
        ]  # fmt: skip

    def _tell(self, claim: Claim, outcome: Outcome) -> list[Command]:
        """Tell the breaker that let the attempt through how it went, where that matters to it."""
        passed = claim.breaker
        verdict = None if passed is None else passed.verdict(outcome)
        if passed is None or verdict is None:
            return []
        rule = passed.rule
        return [
            self._store.command(
                "tell_breaker", self._store.clock.injected, claim.execution, claim.node, claim.token, passed.breaker,
                verdict, rule.failures, rule.window_ms, rule.successes, rule.timeout_ms,
            )
        ]  # fmt: skip

    def _sort(self, claim: Claim, outcome: Sorts) -> Command:
        store = self._store
        return store.command(
            "sort", store.clock.injected, self._session, claim.execution, claim.node, claim.token, outcome.key,
            *store.kept_ms,
        )  # fmt: skip

    def _await(self, claim: Claim, outcome: Awaits) -> Command:
        store, delay_ms = self._store, outcome.delay_ms
        return store.command(
            "await", store.clock.injected, self._session, claim.execution, claim.node, claim.token, outcome.what,
            "" if delay_ms is None else delay_ms, *store.kept_ms, outcome.event, outcome.breaker,
        )  # fmt: skip

    def _descend(self, claim: Claim, outcome: Descends) -> Command:
        store, priority = self._store, claim.program.node.priority
        return store.command(
            "descend", store.clock.injected, self._session, claim.execution, claim.node, claim.token, outcome.execution,
            outcome.plan, outcome.workflow, outcome.inputs, priority or "", outcome.round, *store.kept_ms, outcome.pool,
        )  # fmt: skip

    def _undo(self, claim: Claim) -> Command:
        store = self._store
        return store.command(
            "undo", store.clock.injected, self._session, claim.execution, claim.node, claim.token, *store.kept_ms
        )

    def _expand(self, claim: Claim, outcome: Expanded) -> Command:
        store = self._store
        return store.command(
            "expand", store.clock.injected, self._session, claim.execution, claim.node, claim.token, outcome.items,
            outcome.most, *store.kept_ms,
        )  # fmt: skip

    def fetch(
        self,
        queues: Iterable[str],
        fitting: Collection[str],
        room: int,
        loop_room: int,
        *,
        suspects: bool = True,
        alone: bool = False,
        unsorted: int = 0,
    ) -> Command:
        """Fetch for threads and event loop.

        `fitting` are lanes `queue@fingerprint` whose nodes this process can run. `suspects` asks for nodes whose worker
        died, before others, and `alone` for one that a second worker died with; `unsorted` for so many whose limit goes by
        a key that this process is to work out. What waited for a limit, or what did not, goes first as chance has it, so that
        neither holds up the other.
        """
        turns = self._tossed.choice(_TURNS)
        suffixes = (SUFFIXES[SUSPECT], *turns) if suspects else turns
        threads = [queue + suffix for queue in queues for suffix in suffixes]
        loop = [queue + ASYNC_SUFFIX + suffix for queue in queues for suffix in suffixes]
        for lane in fitting:
            (loop if ASYNC_SUFFIX + "@" in lane else threads).append(lane)
        lanes = [queue + lane for queue in queues for lane in ("", ASYNC_SUFFIX)]
        lone = [lane + ALONE_SUFFIX for lane in lanes] if alone else []
        keyless = [lane + SUFFIXES[UNSORTED] for lane in lanes]
        store = self._store
        return store.command(
            "fetch", store.clock.injected, self._session, store.limits.lease_ms, self._token() + ".",
            ",".join(threads), room, ",".join(loop), loop_room, ",".join(lone), 1, _TIMERS_A_FETCH,
            *store.kept_ms, store.limits.ageing_ms, ",".join(keyless), unsorted,
        )  # fmt: skip

    def resync(self, tokens: Iterable[str]) -> Command:
        """Ask for what the session holds besides these tokens."""
        return self._store.command("resync", self._session, *tokens)

    def load(self) -> list[Command]:
        """Load every script."""
        return [script.loading for script in self._store.scripts.values()]


def listed(names: Iterable[str]) -> str:
    """Return names as scripts look for them: a comma before and behind each."""
    joined = ",".join(names)
    return f",{joined}," if joined else ""
