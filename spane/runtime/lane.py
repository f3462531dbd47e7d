"""The async lane: async nodes run on one event loop per process and hold no worker thread.

A node's message passes the same middleware in the same order, with the same hooks around it, as in a worker thread.
What changes: the hooks run on the loop's thread, so a middleware must not block there, and one that keeps state in a
thread-local (rather than a context variable) sees other nodes.
Dramatiq's TimeLimit and Shutdown interrupts do not reach async nodes; SPANE's own timeout and shutdown do.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from dramatiq import Broker, MessageProxy
from dramatiq.errors import Retry
from dramatiq.middleware import SkipMessage

from spane.errors import SpaneError
from spane.runtime.claim import Claim
from spane.runtime.executor import Executor

_logger = logging.getLogger("spane.lane")

_ANSWERS_WITHIN_S = 0.5
_ENDED_WITHIN_S = 1.0


class AsyncLane:
    """Runs claims of async nodes on an event loop in a thread of its own."""

    def __init__(self, broker: Broker, executor: Executor, message_of: Callable[[Claim], MessageProxy]) -> None:
        self._broker = broker
        self._executor = executor
        self._message_of = message_of
        self._tasks: dict[asyncio.Task[None], Claim] = {}
        self._stuck = False
        #: How many claims are scheduled or run.
        self._running = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spane-async-lane", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Run the loop until `close` asks for its end: all async nodes of the process live on it.

        A SystemExit or KeyboardInterrupt of any task is its result, and asyncio raises it out of the loop as well.
        """
        while not self._closing:
            try:
                self._loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the nodes of this loop go on
                _logger.warning("A task on the event loop of async nodes raised %r; the loop goes on.", error)
            else:
                if not self._closing:
                    _logger.warning("An async node stopped the event loop that all async nodes share; it goes on.")

    def start(self, claim: Claim, begin: Callable[[Claim], bool], finish: Callable[[Claim], None]) -> None:
        """Schedule a claim; called by the pump's thread."""
        self._count(1)
        self._loop.call_soon_threadsafe(self._spawn, claim, begin, finish)

    def _count(self, by: int) -> None:
        with self._changed:
            self._running += by
            self._changed.notify_all()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop and wait for it, from another thread."""
        if self._stuck:
            coroutine.close()
            raise SpaneError(
                "The event loop does not answer: an async node blocks it. Let it await, or be a plain function."
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _spawn(self, claim: Claim, begin: Callable[[Claim], bool], finish: Callable[[Claim], None]) -> None:
        if not begin(claim):
            self._count(-1)
            return
        task = self._loop.create_task(self._process(claim, finish))
        self._tasks[task] = claim
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._count(-1)

    async def _process(self, claim: Claim, finish: Callable[[Claim], None]) -> None:
        """Carry a claim through what Dramatiq's worker thread does with a message."""
        broker, message = self._broker, self._message_of(claim)
        try:
            broker.emit_before("process_message", message)
            if not message.failed:
                await self._executor.run_on_loop(claim)
            broker.emit_after("process_message", message, result=None)
        except SkipMessage as error:
            message.stuff_exception(error)
            _logger.warning("%r was skipped by a middleware.", claim)
            broker.emit_after("skip_message", message)
        except BaseException as error:
            message.stuff_exception(error)
            if not (isinstance(error, Retry) or claim.handed_back):
                _logger.exception("Node %r failed with an unhandled exception.", claim)
            broker.emit_after("process_message", message, exception=error)
        finally:
            settled = "nack" if message.failed else "ack"
            broker.emit_before(settled, message)
            finish(claim)
            broker.emit_after(settled, message)
            message.clear_exception()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no node runs, from another thread; False when the time is over first."""
        with self._changed:
            idle = self._changed.wait_for(lambda: self._running == 0, timeout_s)
        self._stuck = not (idle or self._answers())
        return idle

    def _answers(self) -> bool:
        """Tell whether the loop gets a turn: not while a node blocks it."""
        answered = threading.Event()
        self._loop.call_soon_threadsafe(answered.set)
        return answered.wait(_ANSWERS_WITHIN_S)

    def cancel(self, execution: str, reason: str) -> None:
        """Cancel what runs of an execution, from another thread."""
        # On the loop itself, after whatever was scheduled before.
        self._loop.call_soon_threadsafe(self._cancel, execution, reason)

    def _cancel(self, execution: str, reason: str) -> None:
        for task, claim in self._tasks.items():
            if claim.execution == execution and not claim.is_step:
                claim.cancelled = reason
                task.cancel(reason)

    def hand_back(self, settle: Callable[[Claim], None]) -> list[Claim]:
        """Settle what still runs as handed back, and cancel it; returns it. The loop goes on."""
        late = list(self._tasks.items())
        for task, claim in late:
            claim.handed_back = True
            settle(claim)
            self._loop.call_soon_threadsafe(task.cancel)
        return [claim for _, claim in late]

    def close(self) -> None:
        """Stop the loop, and what is left on it."""
        if self._thread.is_alive():
            if not self._stuck:
                with suppress(TimeoutError):
                    asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result(timeout=2 * _ENDED_WITHIN_S)
            self._closing = True
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=0 if self._stuck else 5)
        if not self._thread.is_alive():
            self._loop.close()


async def _end_all() -> None:
    """Cancel every task of this loop, and close its generators; one that swallows its cancellation is left."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_ENDED_WITHIN_S)
    await asyncio.get_running_loop().shutdown_asyncgens()
