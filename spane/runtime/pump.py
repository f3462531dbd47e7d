"""The pump: the one place of a process that talks to Redis about nodes.

Worker threads put finished claims into the outbox and go on; whichever consumer thread drives the pump sends all of
them together with one fetch as one batch, and turns the replies (children handed over, nodes fetched with their
inputs) into the next messages. Nothing waits for a timer: a batch is whatever finished while the last one travelled.

A lost reply is answered by sending the same commits again (the script answers as it first did) and by `resync`,
which returns what was leased to this session without its knowing. A fetch is never repeated blindly.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from spane.errors import StoreError, StoreUnavailable
from spane.model.ids import new_session_id
from spane.model.outcome import Failed, NodeError, Outcome, Succeeded
from spane.runtime import scripts
from spane.runtime.claim import Claim
from spane.runtime.commands import Commands
from spane.runtime.holdings import UNSTARTED_S, Holdings
from spane.runtime.layout import ASYNC_SUFFIX
from spane.runtime.postponed import Postponed, Refusals
from spane.runtime.store import Store
from spane.runtime.wire import Bell, LocalBell, LocalWire, Wire

_logger = logging.getLogger("spane.pump")

#: At most so many children in a row are handed to this process before a fetch gets its turn.
HAND_OVERS = 32
IDLE_S = 1.0
#: How often to look for nodes that two workers died with; they run one at a time.
ALONE_S = 0.25
#: How often to commit again what needs a plan that is not in the store.
PLANLESS_S = 1.0
#: So many nodes are fetched and held besides those that there is room for, to work out the keys of their limits.
UNSORTED = 100
#: What refused fetches are counted under; claims have their tokens.
_FETCH = "fetch"
#: Lanes of wake lists.
THREADS, LOOP = "threads", "loop"


class Pump:
    """Outbox, holdings and driver of the batches; shared by all consumers of the process.

    `sort` works out the key of a claim's limit and finishes the claim with it: at once, or from another thread.
    """

    def __init__(
        self,
        store: Store,
        *,
        threads: int,
        on_loop: int,
        wire: Wire | LocalWire,
        bell: Bell | LocalBell,
        sort: Callable[[Claim], None],
    ) -> None:
        self.store = store
        self.holdings = Holdings(threads=threads, on_loop=on_loop)
        self.session = new_session_id()
        self.queues: tuple[str, ...] = ()
        self.fitting: tuple[str, ...] = ()
        self.ready: deque[Claim] = deque()
        self.draining = False
        self.heard = True
        self.start_on_loop: Callable[[Claim], None] | None = None
        self._sort = sort
        self._wire = wire
        self._bell = bell
        self._outbox: deque[tuple[Claim, Outcome]] = deque()
        self._commands = Commands(store, self.session)
        self._hot = True
        self._loop_hot = True
        self._unsorted_left = False
        self._next_due_s = IDLE_S
        self._looked_at = 0.0
        self._handed = 0
        self._asleep = False
        self._exchanging = False
        self._exchanged = 0
        self._returning: list[object] = []
        self._broken = False
        self._strays = 0
        self._unloaded = False
        self._postponed = Postponed()
        self._refusals = Refusals()
        # Not at once: Dramatiq's master takes 30 s to see that a process has died while it was booting.
        self._suspects_from = time.monotonic() + ALONE_S
        self._alone_at = self._suspects_from
        self._turn = threading.Condition()
        self._driver: threading.Thread | None = None

    # Called by worker threads and the event loop. None of these waits for Redis, none raises.

    def finish(self, claim: Claim, outcome: Outcome | None) -> None:
        """Take a claim's outcome, unless something settled it before."""
        if not self.holdings.end(claim):
            return
        # The room first: the driver may take the outcome, and count it, at once.
        if claim.alone:
            self._alone_at = 0.0
            self._hot = self._loop_hot = True
        self._outbox.append((claim, outcome or _rejected(claim)))
        if self._asleep:
            self._asleep = False
            self._bell.ring()

    def begin_on_loop(self, claim: Claim) -> bool:
        """Tell whether the event loop may start the claim; if not, it comes late to it, and may be given others now."""
        if self.holdings.begin(claim):
            return True
        self.wake()
        return False

    def wake(self) -> None:
        """Make the driver look at once."""
        self._hot = self._loop_hot = True
        self._bell.ring()

    def compare(self, held: int) -> None:
        """Take in how many attempts Redis says this process holds.

        More than it knows of, twice in a row, means that a call was carried out after its connection was given up
        (it stood in the socket of a Redis that hung): the next step adopts what came of it.
        """
        self._strays = self._strays + 1 if held > len(self.holdings.tokens) else 0
        if self._strays > 1:
            self._bell.ring()

    @property
    def exchanges(self) -> int | None:
        """How many times this process has talked to Redis about nodes; None while it does."""
        return None if self._exchanging else self._exchanged

    @property
    def in_flight(self) -> int:
        """How many claims this process holds, started or not, or still has to commit; more while some go back."""
        return len(self.holdings) + len(self._outbox) + len(self._postponed) + len(self._returning)

    # Called by consumer threads.

    def next(self, timeout_s: float) -> Claim | None:
        """Return the next claimed node for a thread, driving the pump if nobody else does."""
        me = threading.current_thread()
        with self._turn:
            if self._driver is None or not self._driver.is_alive():
                self._driver = me
            if self._driver is not me:
                self._turn.wait(timeout_s)
                return None
        claim = self._take()
        if claim is None:
            self._step(timeout_s)
            if not self.ready and (self._hot or self._outbox):
                # Whatever woke the pump is seen to before the consumer looks at anything else.
                self._step(timeout_s)
            claim = self._take()
        return claim

    def yield_turn(self) -> None:
        """Let another consumer thread drive."""
        with self._turn:
            if self._driver is threading.current_thread():
                self._driver = None
            self._turn.notify_all()

    def _take(self) -> Claim | None:
        while self.ready:
            claim = self.ready.popleft()
            if claim.on_loop and self.start_on_loop is not None:
                self.start_on_loop(claim)
            else:
                return claim
        return None

    def _step(self, timeout_s: float) -> None:
        """Send what finished and fetch what there is room for; with neither to do, sleep until something happens."""
        try:
            if self._broken or self._strays > 1:
                self._recover()
            if self._unloaded:
                self._load_scripts()
            self.give_back(self.holdings.stale)
            room, loop_room = self._room()
            if not self._exchange_if_due(room, loop_room) and not self.ready:
                self._sleep(timeout_s, room, loop_room)
        except StoreUnavailable as error:
            self._lose_redis(error)
            self._bell.drop()
            self._pause()

    def _exchange_if_due(self, room: int, loop_room: int) -> bool:
        """Send what finished, and fetch where there is room for more and may be more; returns whether there was any of that."""
        due = time.monotonic() >= self._looked_at + self._next_due_s
        wants = (room > 0 and (self._hot or due)) or (loop_room > 0 and (self._loop_hot or due))
        unsorted = self._sortable()
        wants = wants or (unsorted > 0 and (self._unsorted_left or due))
        self._exchanging = True
        try:
            # Last of all: what was taken out of the outbox is lost if anything raises before it is sent.
            batch = self._drain_outbox()
            if not (batch or wants):
                return False
            self._exchanged += 1
            self._exchange(batch, *((max(0, room), max(0, loop_room), unsorted) if wants else (0, 0, 0)))
            return True
        finally:
            self._exchanging = False

    def _lose_redis(self, error: Exception) -> None:
        """Say once that Redis does not answer, and ask it what this session holds before anything else is done."""
        if not self._broken:
            _logger.warning("%s. Trying again until Redis answers; running nodes go on.", error)
        self._broken = True

    def _pause(self) -> None:
        # Redis is away, so there is nothing to select on; a short wait on our own condition keeps a stop prompt.
        with self._turn:
            self._turn.wait(0.05)

    def _sleep(self, timeout_s: float, room: int, loop_room: int) -> None:
        self._asleep = True
        if self._outbox or (self._hot and room > 0) or (self._loop_hot and loop_room > 0):
            self._asleep = False
            return
        looks = room > 0 or loop_room > 0 or self._sortable() > 0
        left = self._looked_at + self._next_due_s - time.monotonic() if looks else IDLE_S
        wait_s = max(
            0.001, min(timeout_s, left, self._postponed.next_s, UNSTARTED_S if self.holdings.unstarted else IDLE_S)
        )
        heard = self._bell.wait(self._wake_lists(room, loop_room), wait_s)
        self._asleep = False
        self.heard = bool(heard)
        room, loop_room = self._room()
        for lane, key in heard:
            if lane == LOOP:
                self._loop_hot = True
            else:
                self._hot = True
            if (loop_room if lane == LOOP else room) <= 0:
                self._bell.pass_on(lane, key)

    def _wake_lists(self, room: int, loop_room: int) -> dict[str, tuple[str, ...]]:
        """Return the wake lists to listen to: those of the lanes with room, so that no idle process loses a token."""
        wake = self.store.keys.wake
        lanes = {}
        if room > 0:
            lanes[THREADS] = tuple(wake(queue + suffix) for queue in self.queues for suffix in ("", ":m"))
        if loop_room > 0:
            lanes[LOOP] = tuple(wake(queue + ASYNC_SUFFIX) for queue in self.queues)
        return lanes

    def _room(self) -> tuple[int, int]:
        return (0, 0) if self.draining else self.holdings.room()

    def _sortable(self) -> int:
        """Return of how many nodes more the keys can be worked out."""
        return 0 if self.draining else max(0, UNSORTED - self.holdings.unsorted)

    def _drain_outbox(self) -> list[tuple[Claim, Outcome]]:
        batch = self._postponed.due()
        while self._outbox:
            batch.append(self._outbox.popleft())
        return batch

    # Talking to Redis.

    def _exchange(self, batch: list[tuple[Claim, Outcome]], room: int, loop_room: int, unsorted: int) -> None:
        commands: list[tuple[Any, ...]] = []
        commit_at: list[int] = []
        hand = "" if self.draining or self._handed >= HAND_OVERS else ",".join(self._lanes(room, loop_room, batch))
        for claim, outcome in batch:
            commands += self._commands.commit(claim, outcome, hand)
            commit_at.append(len(commands) - 1)
        fetches = room > 0 or loop_room > 0 or unsorted > 0
        if fetches:
            commands.append(self._fetch(room, loop_room, unsorted))
        try:
            replies = self._wire.call(commands)
        except BaseException:
            # Whatever went wrong, what has finished is sent again.
            self._outbox.extendleft(reversed(batch))
            raise
        self._read_commits(batch, [replies[at] for at in commit_at])
        if fetches:
            self._read_fetch(replies[-1], room, loop_room, unsorted)

    def _lanes(self, room: int, loop_room: int, batch: list[tuple[Claim, Outcome]]) -> list[str]:
        """Return the queues whose nodes may be handed over: those with room, counting what just finished."""
        finished = sum(not claim.is_unsorted for claim, _ in batch)
        names = list(self.queues) if room + finished > 0 else []
        if loop_room > 0:
            names += [f"{queue}~" for queue in self.queues]
        return names

    def _fetch(self, room: int, loop_room: int, unsorted: int) -> tuple[Any, ...]:
        now = self._looked_at = time.monotonic()
        alone = self.holdings.alone <= 0 and self.holdings.free_thread and now >= self._alone_at + ALONE_S
        if alone:
            self._alone_at = now
        suspects = now >= self._suspects_from
        return self._commands.fetch(
            self.queues, self.fitting, room, loop_room, suspects=suspects, alone=alone, unsorted=unsorted
        )

    def _read_commits(self, batch: list[tuple[Claim, Outcome]], replies: list[Any]) -> None:
        handed = 0
        for (claim, outcome), reply in zip(batch, replies, strict=True):
            if isinstance(reply, Exception):
                self._refused(claim, outcome, reply)
                continue
            code = reply[0]
            if code == b"noblob":
                self._outbox.append((claim, outcome))
                continue
            if code == b"noplan":
                self._wait_for_plan(claim, outcome)
                continue
            self.holdings.forget(claim.token)
            self._refusals.forget(claim.token)
            if code == b"ok":
                if reply[1]:
                    self._hot = self._loop_hot = True
                if len(reply) > 2:
                    self._accept(reply[2], outcome)
                    handed += 1
            elif code == b"fenced":
                _logger.warning(
                    "%r came too late: another attempt has the node now, so its outcome was dropped.", claim
                )
        self._handed = self._handed + 1 if handed else 0

    def _wait_for_plan(self, claim: Claim, outcome: Outcome) -> None:
        self._postponed.add(claim, outcome, PLANLESS_S)
        if self._refusals.to_be_told(claim.token):
            _logger.error(
                "The outcome of %r waits: plan %s is not in the store. Start its workflow again to put it there.",
                claim,
                claim.plan,
            )

    def _refused(self, claim: Claim, outcome: Outcome, reply: Exception) -> None:
        """Deal with an error reply to a commit: load missing scripts, wait out what passes, and never lose an outcome."""
        if scripts.is_missing(reply):
            self._outbox.append((claim, outcome))
            # Not here: should the connection break now, the replies that are left would be lost unread.
            self._unloaded = True
            return
        self._postponed.add(claim, outcome, self._refusals.pause_s(claim.token))
        if self._refusals.to_be_told(claim.token):
            _logger.error("Redis refused the commit of %r: %s. It is sent again until Redis takes it.", claim, reply)

    def _read_fetch(self, reply: Any, room: int, loop_room: int, unsorted: int) -> None:
        if isinstance(reply, Exception):
            if scripts.is_missing(reply):
                self._unloaded = True
            else:
                self._fetch_refused(reply)
                return
            self._hot = True
            return
        self._refusals.forget(_FETCH)
        next_due, left, left_on_loop, left_to_sort, *rows = reply
        if unsorted > 0:
            self._unsorted_left = bool(left_to_sort)
        on_loop = sum(self._accept(row) for row in rows)
        if room > 0:
            self._hot = bool(left) or len(rows) > on_loop
        if loop_room > 0:
            self._loop_hot = bool(left_on_loop) or on_loop > 0
        self._next_due_s = IDLE_S if next_due < 0 else min(IDLE_S, max(next_due, 0) / 1000 + 0.0005)

    def _fetch_refused(self, reply: Exception) -> None:
        self._hot = self._loop_hot = self._unsorted_left = False
        self._next_due_s = self._refusals.pause_s(_FETCH)
        if self._refusals.to_be_told(_FETCH):
            _logger.error("Redis refused a fetch: %s. Trying again until it takes one.", reply)

    def _load_scripts(self) -> None:
        replies = self._wire.call(self._commands.load())
        for reply in replies:
            if isinstance(reply, Exception) and not scripts.is_there_already(reply):
                raise StoreUnavailable(f"Redis does not take SPANE's functions now: {reply}")
        self._unloaded = False

    def _accept(self, row: Any, before: Outcome | None = None) -> bool:
        """Take a claim in; returns whether it is one for the event loop. `before` is the outcome it follows from."""
        claim = Claim(row, before.raw if isinstance(before, Succeeded) else None)
        self.holdings.add(claim)
        if claim.is_unsorted:
            self._sort(claim)
        else:
            self.ready.append(claim)
        return claim.on_loop

    def _recover(self) -> None:
        """After a lost reply: adopt what is leased to this session without its knowing."""
        self._load_scripts()
        reply = self._wire.call([self._commands.resync(self.holdings.tokens)])[0]
        if isinstance(reply, Exception):
            raise StoreUnavailable(f"Redis does not answer yet: {reply}")
        for row in reply:
            self._accept(row)
        _logger.info("Redis answers; %d attempts adopted.", len(reply))
        self._broken = False
        self._strays = 0
        self._hot = self._loop_hot = True

    # Giving back.

    def give_back(self, claims: Iterable[Claim]) -> None:
        """Return claims that have not started to the front of their queues, with nothing charged to them."""
        claims = list(claims)
        if not claims:
            return
        this = object()
        self._returning.append(this)
        try:
            self._return(self.holdings.withdraw(claims))
        finally:
            self._returning.remove(this)

    def _return(self, mine: list[Claim]) -> None:
        if not mine:
            return
        try:
            self.store.give_back(self.session, [(claim.execution, claim.node, claim.token) for claim in mine])
        except StoreError as error:
            # Resync finds them leased to us and adopts them; if we are gone, the lease ends.
            self._lose_redis(error)

    def flush(self, deadline_s: float) -> None:
        """Send what is in the outbox, for at most `deadline_s` seconds; called when no consumer drives any more."""
        deadline = time.monotonic() + deadline_s
        while (self._outbox or self._postponed) and time.monotonic() < deadline:
            self._step(0.01)

    def close(self) -> None:
        """Give back what did not start and let go of the connections."""
        self.draining = True
        self.give_back(self.holdings.unstarted)
        self.ready.clear()
        self.flush(5.0)
        self._bell.close()
        self._wire.drop()


def _rejected(claim: Claim) -> Outcome:
    return Failed(
        NodeError(
            "spane.errors:AttemptRejected",
            "A Dramatiq middleware skipped or rejected the message before the node ran.",
            claim.node,
            claim.attempt,
            retryable=False,
        )
    )
