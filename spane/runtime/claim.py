"""A claim: one node of one execution, leased to this process, with all that its attempt needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from spane.model.outcome import Outcome
from spane.model.plan import is_step
from spane.runtime.layout import UNSORTED

_UNSORTED = UNSORTED.encode()

if TYPE_CHECKING:
    from spane.runtime.guard import Passed
    from spane.runtime.watchdog import Seat


class Claim:
    """What `fetch`, `commit` (a child handed over) or `resync` leased to this process.

    It travels as the only argument of a Dramatiq message, is run by the executor, and comes back to the pump
    with its `outcome`. `values` stands in the order of `fields`, as stored; None where the worker has to read them
    itself. `sent` is the output that this process has just sent, for a child that takes nothing else. `attempt`
    counts from 1 and does not count crashes; `on_loop` tells whether the node was planned to run on the event loop,
    `alone` that it is a suspect which runs alone and writes a mark first. `came` is what a node that waits was roused with.
    """

    __slots__ = (
        "alone", "attempt", "breaker", "came", "cancelled", "duration_us", "exception", "execution", "failures", "fetched_at", "fields", "flag", "handed_back", "interrupted",
        "node", "on_loop", "outcome", "page", "plan", "polls", "program", "queue", "seat", "started_at", "token", "type", "values",
    )  # fmt: skip

    _profiles: ClassVar[dict[bytes, tuple[int, str, str, bool, tuple[str, ...]]]] = {}

    def __init__(self, row: Sequence[Any], sent: bytes | None = None) -> None:
        execution, node, token, plan, profile, failures, _crashes, flag, _priority, values = row
        known = self._profiles.get(profile)
        if known is None:
            known = self._profiles[profile] = _read_profile(profile)
            if len(self._profiles) > 50_000:
                self._profiles.clear()
        self.page, self.type, self.queue, self.on_loop, self.fields = known
        self.execution: str = execution.decode()
        self.node: str = node.decode()
        self.token: str = token.decode()
        self.plan: str = plan.decode()
        self.failures = int(failures)
        self.attempt = self.failures + 1
        self.flag = bytes(flag)
        self.alone = self.flag in (b"a", b"m")
        # 1 stands for what this process has just sent; nothing, for what it has to read itself.
        self.values: list[bytes | None] | None = (
            [sent] if values == 1 and sent else values if isinstance(values, list) else None
        )
        self.fetched_at = time.monotonic()
        self.started_at = 0.0
        self.duration_us = 0
        self.outcome: Outcome | None = None
        self.exception: BaseException | None = None
        self.interrupted = self.handed_back = False
        #: Why it is to stop, once this process has heard that its execution is cancelled; and whether it asks for that.
        self.cancelled: str | None = None
        self.polls = False
        self.came: bytes | None = None
        #: The breaker that let its attempt through, if one stands before its node.
        self.breaker: Passed | None = None
        self.seat: Seat | None = None
        self.program: Any = None

    @property
    def is_unsorted(self) -> bool:
        """Whether it is held only to work out the key of its node's limit (`Sorts`), and must not run."""
        return self.flag == _UNSORTED

    @property
    def is_step(self) -> bool:
        """Whether it follows a failure, or a cancel: what is cancelled is everything but that."""
        return is_step(self.node)

    def __repr__(self) -> str:
        return f"<{self.node} of {self.execution}, attempt {self.attempt}>"


def _read_profile(profile: bytes) -> tuple[int, str, str, bool, tuple[str, ...]]:
    page, type_name, lane, _priority, _flags, fields = profile.decode().split(";")
    queue = lane.removesuffix("~")
    return int(page), type_name, queue, queue != lane, tuple(fields.split(",")) if fields else ()
