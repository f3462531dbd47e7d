"""What one process holds: the claims that were leased to it, from the reply that brought them to the commit's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from spane.runtime.claim import Claim

#: How long a claimed node may wait for a thread before it goes back to its queue, and how far back completions count.
UNSTARTED_S = 0.05
RECENT_S = 0.02


class Holdings:
    """Claims that have not started, that run, and whose outcome is not committed yet; and the room for more.

    Worker threads and the event loop begin and end claims while the pump's driver adds and counts them: each step is
    one operation on a dict, so no lock is needed.
    """

    def __init__(self, *, threads: int, on_loop: int) -> None:
        self.threads = threads
        self.on_loop = on_loop
        #: Tokens of everything that is leased to this process as far as it knows.
        self.tokens: set[str] = set()
        #: How many of the claims are suspects that run alone.
        self.alone = 0
        self._unstarted: dict[str, Claim] = {}
        self._running: dict[str, Claim] = {}
        self._loop_claims = 0
        self._completed: deque[float] = deque(maxlen=4 * threads)

    def add(self, claim: Claim) -> None:
        """Take in a claim that was leased to this process."""
        self.tokens.add(claim.token)
        self._loop_claims += claim.on_loop
        self.alone += claim.alone
        self._unstarted[claim.token] = claim

    def begin(self, claim: Claim) -> bool:
        """Tell whether the claim may start: not if it went back to its queue in the meantime."""
        if self._unstarted.pop(claim.token, None) is None:
            return False
        self._running[claim.token] = claim
        return True

    def end(self, claim: Claim) -> bool:
        """Make room again; False if something ended the claim before. It stays leased until it is committed."""
        if self._running.pop(claim.token, None) is None and self._unstarted.pop(claim.token, None) is None:
            return False
        self._loop_claims -= claim.on_loop
        self.alone -= claim.alone
        self._completed.append(time.monotonic())
        return True

    def forget(self, token: str) -> None:
        """Drop a claim whose commit is in: it is leased no more."""
        self.tokens.discard(token)

    def forsake(self) -> list[Claim]:
        """Drop what runs on threads, and return it."""
        claims = [claim for claim in self.running if not claim.on_loop]
        return [claim for claim in claims if self._running.pop(claim.token, None) is not None]

    def withdraw(self, claims: Iterable[Claim]) -> list[Claim]:
        """Drop those of the claims that have not started, and return them."""
        mine = [claim for claim in claims if self._unstarted.pop(claim.token, None) is not None]
        for claim in mine:
            self.tokens.discard(claim.token)
            self._loop_claims -= claim.on_loop
            self.alone -= claim.alone
        return mine

    @property
    def running(self) -> list[Claim]:
        """The claims whose nodes are running now."""
        return list(self._running.values())

    @property
    def unstarted(self) -> list[Claim]:
        """The claims that wait for a thread or for the event loop."""
        return list(self._unstarted.values())

    @property
    def stale(self) -> list[Claim]:
        """The claims that wait for a thread for too long while all are busy; somebody else may have one free."""
        if not self._unstarted or self._on_threads < self.threads:
            return []
        horizon = time.monotonic() - UNSTARTED_S
        return [claim for claim in self.unstarted if claim.fetched_at < horizon and not claim.on_loop]

    @property
    def _on_threads(self) -> int:
        return len(self._running) - self._loop_claims

    @property
    def free_thread(self) -> bool:
        """Whether a thread is idle, or was a moment ago."""
        freed = bool(self._completed) and time.monotonic() - self._completed[-1] < RECENT_S
        return freed or self._on_threads < self.threads

    def room(self) -> tuple[int, int]:
        """Return how many more nodes to fetch: for threads, a little ahead of them, and for the event loop."""
        horizon = time.monotonic() - RECENT_S
        recent = sum(1 for at in self._completed if at >= horizon)
        held = len(self._unstarted) + len(self._running) - self._loop_claims
        return self.threads + recent - held, self.on_loop - self._loop_claims

    def __len__(self) -> int:
        return len(self._unstarted) + len(self._running)
