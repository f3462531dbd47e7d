"""What an attempt's context asks of the runtime, and the logger that it gives to a node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

from spane.authoring.context import Context
from spane.errors import RetryLater, StoreError, StoreUnavailable
from spane.model.outcome import Descends, NodeError, decode_error
from spane.runtime import children
from spane.runtime.mishaps import PUT_OFF_MS
from spane.runtime.store import ERROR_MARK, Store

if TYPE_CHECKING:
    from spane.runtime.claim import Claim
    from spane.runtime.programs import Program

_logger = logging.getLogger("spane.node")

T = TypeVar("T")


class AttemptLogger(logging.LoggerAdapter[logging.Logger]):
    """A node's own logger: says which node of which execution speaks, in every line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the attempt before the message, and its ids into the record for structured logs."""
        claim: Any = (self.extra or {})["claim"]
        ids = {"execution": claim.execution, "node": claim.node, "attempt": claim.attempt}
        kwargs["extra"] = {**ids, **kwargs.get("extra", {})}
        return f"{claim!r} {msg}", kwargs


class AttemptBackend:
    """What an attempt's context asks of the runtime."""

    def __init__(
        self, store: Store, claim: Claim, program: Program, why_cancelled: Callable[[str], str | None]
    ) -> None:
        self._store = store
        self._claim = claim
        self._program = program
        self._why_cancelled = why_cancelled

    def results(self, node_id: str) -> bytes:
        """Return any ancestor's output as JSON; a direct parent's is at hand."""
        found = self._carried().get(node_id)
        if found is None:
            found = self._store.outputs(self._claim.execution, [node_id]).get(node_id)
        if found is None or found.startswith(ERROR_MARK):
            raise KeyError(node_id)
        return found

    def progress(self, done: float, total: float) -> None:
        """Record how far the attempt is."""
        claim = self._claim
        try:
            self._store.progress(claim.execution, claim.node, claim.token, done, total)
        except StoreError as error:
            # Nobody's work should fail because nobody could be told how far it is.
            _logger.warning("The progress of %r could not be recorded: %s", claim, error)

    def cancelled(self) -> bool:
        """Tell whether the execution is being cancelled, as far as this process has heard."""
        self._claim.polls = True
        return self._why() is not None

    def cancel_reason(self) -> str:
        """Return why the execution is being cancelled, '' if it is not or nobody said."""
        return self._why() or ""

    def _why(self) -> str | None:
        return None if self._claim.is_step else self._why_cancelled(self._claim.execution)

    def errors(self) -> Mapping[str, NodeError]:
        """Return why direct parents that may fail did fail."""
        return {field: decode_error(raw[1:]) for field, raw in self._carried().items() if raw.startswith(ERROR_MARK)}

    def descend(self, inputs: Mapping[str, Any], number: int) -> Descends:
        """Return the outcome that starts the workflow which this node runs."""
        return _unless_away(lambda: children.descend(self._store, self._program.node, inputs, number))

    def ending(self, child: str, status: str) -> bytes:
        """Return the result of a child execution as JSON; `SubWorkflowFailed` unless it has completed."""
        workflow = str(self._program.config["workflowId"])
        return _unless_away(lambda: children.ending(self._store, child, status, workflow))

    def family(self) -> tuple[str | None, int]:
        """Return the id of the execution's parent, if it is a child, and how deep below the first one it stands."""
        up, depth = self._store.fields(self._claim.execution, "@up", "@depth")
        return up.partition("|")[0] if up else None, int(depth or 0)

    def _carried(self) -> Mapping[str, bytes]:
        values = zip(self._program.fields, self._claim.values or (), strict=False)
        return {field: value for field, value in values if value is not None}


def _unless_away(ask: Callable[[], T]) -> T:
    """Return an answer of Redis; an attempt that gets none is put off, since its node is not at fault."""
    try:
        return ask()
    except StoreUnavailable as error:
        raise RetryLater(PUT_OFF_MS / 1000, str(error)) from error


class LoopBackend(AttemptBackend):
    """The same for an attempt on the event loop, which must not wait: progress is recorded beside it, the latest first."""

    def __init__(
        self, store: Store, claim: Claim, program: Program, why_cancelled: Callable[[str], str | None]
    ) -> None:
        super().__init__(store, claim, program, why_cancelled)
        self._loop = asyncio.get_running_loop()
        self._latest: tuple[float, float] | None = None
        self._recording: asyncio.Task[None] | None = None

    def progress(self, done: float, total: float) -> None:
        """Record how far the attempt is, soon: what is overtaken before it could be recorded is left out."""
        if asyncio._get_running_loop() is not self._loop:  # noqa: SLF001 - the public one raises where there is none
            super().progress(done, total)
            return
        self._latest = (done, total)
        if self._recording is None:
            self._recording = self._loop.create_task(self._record())

    async def _record(self) -> None:
        try:
            while self._latest is not None:
                latest, self._latest = self._latest, None
                await asyncio.to_thread(super().progress, *latest)
        finally:
            self._recording = None

    async def settled(self) -> None:
        """Wait until the last progress is recorded, which must not come after the attempt's outcome."""
        if self._recording is not None:
            await self._recording


def context_of(claim: Claim, program: Program, backend: AttemptBackend) -> Context:
    """Make the context of an attempt."""
    return Context(
        claim.execution,
        program.workflow,
        claim.node,
        claim.attempt,
        program.config,
        AttemptLogger(_logger, {"claim": claim}),
        backend=backend,
        came=claim.came,
    )
