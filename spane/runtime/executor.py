"""The executor: runs one claimed node as a pipeline of small steps over its claim.

validate inputs -> call the function -> encode the result. What goes wrong becomes an outcome as well: a failure that
will be tried again is raised as `AttemptRetried` (which Dramatiq does not log), a final one as the user's own exception.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from spane.authoring.context import CURRENT
from spane.authoring.resources import Resources
from spane.errors import ResultNotSerialisable, Skip, StoreError, StoreUnavailable, ValueTooLarge
from spane.model.outcome import Awaits, Descends, Failed, RetryAt, Succeeded, Undoes, Unfit
from spane.model.rules import RetryPolicy
from spane.runtime import admission, inputs
from spane.runtime.attempt import AttemptBackend, LoopBackend, context_of
from spane.runtime.choices import skipped
from spane.runtime.mapping import MapProgram
from spane.runtime.mishaps import put_off, returned_by, stopped, timed_out
from spane.runtime.programs import DoesNotFit, Program, Programs
from spane.runtime.retry import AttemptFailed, AttemptRetried, classify, tellable
from spane.runtime.store import Store
from spane.runtime.watchdog import AttemptInterrupted, Seat

if TYPE_CHECKING:
    from spane.runtime.claim import Claim
    from spane.runtime.watchdog import Watchdog

_logger = logging.getLogger("spane.node")
#: Values of so many bytes are read beside the event loop; and how many threads there are for all that may block it.
_LARGE_BYTES = 65_536
_THREADS_BESIDE = 8
#: How many threads work out keys of limits where the store has to be asked, or much be read.
_SORTERS = 2
#: What an attempt is stopped with: on the event loop, and on a thread.
_STOPS = (asyncio.CancelledError, AttemptInterrupted)

T = TypeVar("T")


class Executor:
    """Runs claims with this process's code. One per process; called by worker threads and the event loop."""

    def __init__(self, store: Store, programs: Programs, resources: Resources, watchdog: Watchdog) -> None:
        self._store = store
        self._programs = programs
        self._resources = resources
        self._watchdog = watchdog
        self._unfit: set[str] = set()
        self._threads = ThreadPoolExecutor(_THREADS_BESIDE, "spane-beside-loop")
        self._sorters = ThreadPoolExecutor(_SORTERS, "spane-sorter")
        self.why_cancelled: Callable[[str], str | None] = lambda execution: None
        #: In process, a failure reaches the caller itself, so Dramatiq need not log it as well.
        self.quiet = False

    def close(self) -> None:
        """Let go of the threads of its own."""
        for threads in (self._threads, self._sorters):
            threads.shutdown(wait=False, cancel_futures=True)

    def sort_soon(self, claim: Claim, finish: Callable[[Claim], None]) -> None:
        """Work out the key of a claim's limit, and call `finish` then: on a thread of our own where that may take a while."""
        program = self._programs.known(claim.plan, claim.node)
        if program is not None and inputs.carried(claim, program) and _size(claim) <= _LARGE_BYTES:
            self._sort_and(finish, claim)
        else:
            self._sorters.submit(self._sort_and, finish, claim)

    def _sort_and(self, finish: Callable[[Claim], None], claim: Claim) -> None:
        self.sort(claim)
        finish(claim)

    def sort(self, claim: Claim) -> None:
        """Work out the key of a claim's limit and leave it in the claim as its outcome, or what is wrong; never raises."""
        try:
            program = self._prepare(claim)
            if program is not None:
                claim.outcome = admission.sort(claim, cast("Program", program))
        except Exception as error:
            program = claim.program
            policy = RetryPolicy() if program is None else program.node.retry
            claim.outcome = classify(policy, error, node=claim.node, attempt=claim.attempt)
            if isinstance(claim.outcome, Failed) and not self.quiet:
                _logger.exception("The key of the limit of %r cannot be worked out.", claim)

    def run(self, claim: Claim) -> None:
        """Run a claimed node on this thread and leave its outcome in the claim.

        Raises:
            AttemptRetried: the attempt failed and will be tried again.
            BaseException: the user's own, when the attempt was the last.
        """
        program = self._prepare(claim)
        if program is None:
            return
        if isinstance(program, MapProgram):
            self._run_map(claim, program)
            return
        token = None
        try:
            args, kwargs = inputs.bind(claim, program)
            fn: Callable[..., Any] | None = program.fn
            if program.guard is not None:
                fn = admission.pass_breaker(self._store, claim, program.guard, args, kwargs)
            if fn is None:
                return
            if program.context is not None or program.resources:
                backend = AttemptBackend(self._store, claim, program, self.why_cancelled)
                token = inputs.fill(program, kwargs, self._resources, context_of(claim, program, backend))
            claim.outcome = self._returned(claim, program, self._called(claim, program, fn, args, kwargs))
        except BaseException as error:  # noqa: BLE001 - user code was called, and whatever it raised is the outcome
            self._fail(claim, program, error)
        finally:
            if token is not None:
                CURRENT.reset(token)
            claim.duration_us = int((time.monotonic() - claim.started_at) * 1e6)

    def _called(
        self, claim: Claim, program: Program, fn: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """Call the function on this thread, where the watchdog can reach it."""
        timeout_ms = program.node.timeout_ms
        if program.is_async:
            with Seat(claim):
                return asyncio.run(self._awaited(claim, program, fn, args, kwargs))
        with Seat(claim) if timeout_ms is None else self._watchdog.guard(claim, timeout_ms):
            return fn(*args, **kwargs)

    def _run_map(self, claim: Claim, program: MapProgram) -> None:
        try:
            outcome = program.attempt(self._store, claim, *inputs.merged(claim, program))
            if isinstance(outcome, Succeeded):
                self._check_size(claim, outcome.raw)
            claim.outcome = outcome
        except StoreError as error:
            claim.outcome = put_off(claim, error)
        except BaseException as error:  # noqa: BLE001 - whatever was raised is the outcome
            self._fail(claim, program, error)
        finally:
            claim.duration_us = int((time.monotonic() - claim.started_at) * 1e6)

    async def run_on_loop(self, claim: Claim) -> None:
        """Run a claimed async node on the event loop; otherwise like `run`. Whatever may block is done beside the loop."""
        program = await self._prepared(claim)
        if program is None:
            return
        if isinstance(program, MapProgram):
            await self._beside(self._run_map, claim, program)
            return
        backend = LoopBackend(self._store, claim, program, self.why_cancelled)
        try:
            args, kwargs = await self._bound(claim, program)
            fn: Callable[..., Any] | None = program.fn
            if program.guard is not None:
                fn = await self._beside(admission.pass_breaker, self._store, claim, program.guard, args, kwargs)
            if fn is None:
                return
            for _, use in program.resources:
                # A factory may block, and an async one waits for this very loop; from here on `get` only looks.
                if not self._resources.made(use.factory):
                    await asyncio.to_thread(self._resources.get, use.factory)
            inputs.fill(program, kwargs, self._resources, context_of(claim, program, backend))
            result = await self._awaited(claim, program, fn, args, kwargs)
            claim.outcome = self._returned(claim, program, result)
        except BaseException as error:  # noqa: BLE001 - user code was called, and whatever it raised is the outcome
            self._fail(claim, program, error)
        finally:
            await backend.settled()
            claim.duration_us = int((time.monotonic() - claim.started_at) * 1e6)

    async def _beside(self, do: Callable[..., T], *arguments: Any) -> T:
        """Do what may block on a thread of our own: those of `asyncio.to_thread` may all be busy with what nodes do."""
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(run, do, *arguments))

    async def _prepared(self, claim: Claim) -> Program | MapProgram | None:
        """Prepare a claim, beside the loop where Redis has to be asked for something."""
        program = self._programs.known(claim.plan, claim.node)
        if program is not None and not claim.alone and inputs.carried(claim, program):
            return self._prepare(claim)
        return await self._beside(self._prepare, claim)

    async def _bound(self, claim: Claim, program: Program) -> tuple[list[Any], dict[str, Any]]:
        """Bind a claim's values, beside the loop where they are large."""
        if _size(claim) <= _LARGE_BYTES:
            return inputs.bind(claim, program)
        return await self._beside(inputs.bind, claim, program)

    def _prepare(self, claim: Claim) -> Program | MapProgram | None:
        """Admit a claim that runs alone, find its program and read what was not carried along.

        Without a program that fits the outcome is `Unfit`; when Redis is away, or another attempt has the node, the
        attempt is put off, which costs no try: the node is not at fault. None is returned then.
        """
        if claim.alone and not admission.admit(self._store, claim):
            return None
        claim.started_at = time.monotonic()
        try:
            program = claim.program = self._programs.of(claim.plan, claim.node, claim.page)
            inputs.complete(self._store, claim, program)
        except StoreError as error:
            claim.outcome = put_off(claim, error)
            return None
        except DoesNotFit as misfit:
            claim.outcome = Unfit(misfit.fingerprint, misfit.reason)
            self._tell_of(claim, misfit)
            return None
        except LookupError as error:
            claim.outcome = Unfit(f"{claim.type}.missing", str(error))
            return None
        return program

    def _tell_of(self, claim: Claim, misfit: DoesNotFit) -> None:
        """Tell once for each lane that its nodes cannot run here."""
        lane = f"{claim.queue}@{misfit.fingerprint}"
        if lane not in self._unfit:
            self._unfit.add(lane)
            _logger.warning(
                "Node %r of execution %s cannot run here: %s. It stays parked, as all like it (%s), until a worker fits them: "
                "name the module that defines the type when you start one, or deploy the code of its workflow.",
                claim.node,
                claim.execution,
                misfit.reason,
                lane,
            )

    async def _awaited(
        self, claim: Claim, program: Program, fn: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """Await the function, cancelling it at its timeout. One that swallows its cancellation is left behind."""
        timeout_ms = program.node.timeout_ms
        if not program.is_async:
            # The plan knew it as async; the code of today runs beside the loop.
            return await asyncio.to_thread(fn, *args, **kwargs)
        if timeout_ms is None:
            return await fn(*args, **kwargs)
        task = asyncio.ensure_future(fn(*args, **kwargs))
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout_ms / 1000)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise timed_out(claim, timeout_ms)
        return task.result()

    def _returned(self, claim: Claim, program: Program, result: Any) -> Succeeded | Awaits | Descends | Undoes:
        if program.node.waits and isinstance(result, Awaits | Descends | Undoes):
            return result
        # The result of a child execution is passed on as it stands.
        raw = bytes(result) if isinstance(result, msgspec.Raw) else program.dump(program.choices.value_of(result))
        self._check_size(claim, raw)
        return program.choices.outcome(result, raw)

    def _check_size(self, claim: Claim, raw: bytes) -> None:
        most = self._store.limits.max_value_bytes
        if len(raw) > most:
            raise ValueTooLarge(
                f"Node {claim.node!r} returned {len(raw):,} bytes of JSON; the most is {most:,} (SPANE_MAX_VALUE_BYTES). "
                "Store large results elsewhere and return a reference to them.",
                node=claim.node,
                size=len(raw),
            )

    def _fail(self, claim: Claim, program: Program | MapProgram, error: BaseException) -> None:
        """Settle the outcome of a failed attempt and raise it the way Dramatiq should see it."""
        # `isinstance` would ask the exception itself, which may be the user's and raise.
        kind = type(error)
        if issubclass(kind, Skip):
            claim.outcome = skipped(cast("Skip", error))
            return
        if issubclass(kind, asyncio.CancelledError) and claim.handed_back:
            claim.outcome = put_off(claim, StoreUnavailable("The worker stopped."))
            raise AttemptFailed("handed back when the worker stopped") from error
        if claim.cancelled is not None and issubclass(kind, _STOPS) and not (claim.interrupted or claim.handed_back):
            claim.outcome = stopped(claim, claim.cancelled)
            raise AttemptFailed("stopped because its execution is cancelled") from error
        if issubclass(kind, AttemptInterrupted) and not claim.interrupted:
            raise AttemptFailed("handed back when the worker stopped") from error
        if issubclass(kind, AttemptInterrupted):
            # The watchdog has settled this attempt already; what is raised here only tells Dramatiq.
            error = timed_out(claim, program.node.timeout_ms or 0)
        elif tellable(error) and isinstance(error, ResultNotSerialisable):
            error = returned_by(claim.node, error)
        outcome = classify(program.node.retry, error, node=claim.node, attempt=claim.attempt)
        claim.outcome = outcome
        claim.exception = error
        if isinstance(outcome, RetryAt):
            raise AttemptRetried(outcome) from outcome.exception
        if not tellable(error):
            # Dramatiq asks `isinstance` of what it is given.
            _logger.error("Node %r failed.\n%s", claim, outcome.error.traceback)
            raise AttemptFailed(str(outcome.error))
        if self.quiet:
            raise AttemptFailed(str(error)) from error
        raise error


def _size(claim: Claim) -> int:
    """Return how many bytes the claim carries."""
    return sum(len(value) for value in claim.values or () if value is not None)
