"""What one process holds: the claims that were leased to it, from the reply that brought them to the commit's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from spane.runtime.claim import Claim

#: How long a claimed node may wait for a thread or the event loop before it goes back to its queue.
UNSTARTED_S = 0.05
#: How far back completions count.
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
        #: Claims that are held to work out the keys of their limits; they take no room, since they do not run.
        self._unsorted: dict[str, Claim] = {}
        self._running: dict[str, Claim] = {}
        self._loop_claims = 0
        #: Tokens of claims that went back before the event loop came to them: until it does, something blocks it.
        self._missed: set[str] = set()
        self._loop_took_s = 0.0
        self._completed: deque[float] = deque(maxlen=4 * threads)

    def add(self, claim: Claim) -> None:
        """Take in a claim that was leased to this process."""
        self.tokens.add(claim.token)
        if claim.is_unsorted:
            self._unsorted[claim.token] = claim
            return
        self._loop_claims += claim.on_loop
        self.alone += claim.alone
        self._unstarted[claim.token] = claim

    def begin(self, claim: Claim) -> bool:
        """Tell whether the claim may start: not if it went back to its queue in the meantime."""
        if claim.on_loop:
            self._loop_took_s = time.monotonic() - claim.fetched_at
        if self._unstarted.pop(claim.token, None) is None:
            self._missed.discard(claim.token)
            return False
        self._running[claim.token] = claim
        return True

    def end(self, claim: Claim) -> bool:
        """Make room again; False if something ended the claim before. It stays leased until it is committed."""
        if claim.is_unsorted:
            return self._unsorted.pop(claim.token, None) is not None
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
        mine = [claim for claim in claims if self._withdraw(claim)]
        for claim in mine:
            self.tokens.discard(claim.token)
            if not claim.is_unsorted:
                self._loop_claims -= claim.on_loop
                self.alone -= claim.alone
        return mine

    def _withdraw(self, claim: Claim) -> bool:
        if claim.is_unsorted:
            return self.end(claim)
        # Noted first: the event loop may come to the claim between the two steps.
        if claim.on_loop:
            self._missed.add(claim.token)
        withdrawn = self._unstarted.pop(claim.token, None) is not None
        if not withdrawn:
            self._missed.discard(claim.token)
        return withdrawn

    @property
    def running(self) -> list[Claim]:
        """The claims whose nodes are running now."""
        return list(self._running.values())

    @property
    def unstarted(self) -> list[Claim]:
        """The claims that do not run yet."""
        return [*self._unstarted.values(), *self._unsorted.values()]

    @property
    def unsorted(self) -> int:
        """How many claims are held to work out the keys of their limits."""
        return len(self._unsorted)

    @property
    def stale(self) -> list[Claim]:
        """The claims that wait for too long: somebody else may have a thread free, or an event loop that nothing blocks.

        A loop that is slow has twice the time that its last claim took: with nobody else there, nodes must start at last.
        """
        if not self._unstarted:
            return []
        now = time.monotonic()
        for_threads = now - UNSTARTED_S if self._on_threads >= self.threads else 0.0
        for_loop = now - max(UNSTARTED_S, 2 * self._loop_took_s)
        waiting = list(self._unstarted.values())
        return [claim for claim in waiting if claim.fetched_at < (for_loop if claim.on_loop else for_threads)]

    @property
    def _loop_blocked(self) -> bool:
        """Whether the event loop has not come for some time to what was given to it."""
        if self._missed:
            return True
        horizon = time.monotonic() - UNSTARTED_S
        return any(claim.on_loop and claim.fetched_at < horizon for claim in list(self._unstarted.values()))

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
        # A copy is one operation; threads that end claims meanwhile would break off a count over the deque itself.
        recent = sum(1 for at in self._completed.copy() if at >= horizon)
        held = len(self._unstarted) + len(self._running) - self._loop_claims
        loop_room = 0 if self._loop_blocked else self.on_loop - self._loop_claims
        return self.threads + recent - held, loop_room

    def __len__(self) -> int:
        return len(self._unstarted) + len(self._unsorted) + len(self._running)
