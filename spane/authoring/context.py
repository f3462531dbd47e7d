"""The context of an attempt: what a node may ask about its own run."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NoReturn, Protocol, TypeVar, overload

import msgspec

from spane.errors import RateLimited
from spane.model import codec
from spane.model.outcome import Descends, NodeError

T = TypeVar("T")

#: The context of the attempt that runs here and now.
CURRENT: ContextVar[Context] = ContextVar("spane.context")


class Backend(Protocol):
    """What the room that runs an attempt answers for its context."""

    def results(self, node_id: str) -> bytes:
        """Return a node's output as JSON; KeyError if it has none in this execution."""

    def progress(self, done: float, total: float) -> None:
        """Record how far the attempt is."""

    def cancelled(self) -> bool:
        """Tell whether the execution was asked to stop."""

    def cancel_reason(self) -> str:
        """Return why it was, '' if it was not."""

    def errors(self) -> Mapping[str, NodeError]:
        """Return why parents with `on_failure="continue"` failed, by node id."""

    def descend(self, inputs: Mapping[str, Any], number: int) -> Descends:
        """Return the outcome that starts the workflow which this node runs; `number` counts its rounds from 1."""

    def ending(self, child: str, status: str) -> bytes:
        """Return the result of a child execution as JSON; `SubWorkflowFailed` unless it has completed."""

    def family(self) -> tuple[str | None, int]:
        """Return the id of the execution's parent, if it is a child, and how deep below the first one it stands."""


class _Nowhere:
    """The backend of a plain call: no execution, so nothing to ask and nowhere to report."""

    def results(self, node_id: str) -> bytes:
        raise KeyError(node_id)

    def progress(self, done: float, total: float) -> None:
        pass

    def cancelled(self) -> bool:
        return False

    def cancel_reason(self) -> str:
        return ""

    def errors(self) -> Mapping[str, NodeError]:
        return {}

    def descend(self, inputs: Mapping[str, Any], number: int) -> Descends:
        raise NotImplementedError

    def ending(self, child: str, status: str) -> bytes:
        raise NotImplementedError

    def family(self) -> tuple[str | None, int]:
        return None, 0


class Results:
    """Outputs of earlier nodes of this execution, as plain JSON values, read when asked for."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getitem__(self, node_id: str) -> Any:
        return msgspec.json.decode(self._backend.results(node_id))

    def __contains__(self, node_id: object) -> bool:
        try:
            self._backend.results(str(node_id))
        except KeyError:
            return False
        return True

    def get(self, node_id: str, default: Any = None) -> Any:
        """Return a node's output, or `default` if it has none."""
        try:
            return self[node_id]
        except KeyError:
            return default


class Context:
    """One attempt at one node, seen from inside.

    A parameter annotated `Context` receives it; write `context: Context = current()` so that type checkers
    let callers leave it out. In a plain call it stands for no execution: `execution` is `"local"`.

    >>> @node
    ... def fetch(url: str, context: Context = current()) -> str:
    ...     context.progress(1, 2)
    ...     return context.idempotency_key
    """

    execution: str
    workflow: str
    node: str
    attempt: int
    config: Mapping[str, Any]
    logger: logging.Logger | logging.LoggerAdapter[Any]

    def __init__(
        self,
        execution: str,
        workflow: str,
        node: str,
        attempt: int,
        config: Mapping[str, Any],
        logger: logging.Logger | logging.LoggerAdapter[Any],
        *,
        backend: Backend,
        came: bytes | None = None,
    ) -> None:
        self.execution = execution
        self.workflow = workflow
        self.node = node
        self.attempt = attempt
        self.config = config
        self.logger = logger
        self._backend = backend
        #: What a node of a type that waits was roused with, None before (spane/runtime/lua/include/rouse.lua).
        self.came = came

    def __repr__(self) -> str:
        return f"<context of node {self.node!r}, attempt {self.attempt}, execution {self.execution!r}>"

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this node of this execution; give it to services that deduplicate."""
        return f"{self.execution}:{self.node}"

    @property
    def results(self) -> Results:
        """Outputs of earlier nodes by id, as plain JSON values."""
        return Results(self._backend)

    @overload
    def result(self, node_id: str) -> Any: ...
    @overload
    def result(self, node_id: str, annotation: type[T]) -> T: ...
    def result(self, node_id: str, annotation: Any = Any) -> Any:
        """Return an earlier node's output validated to `annotation`; KeyError if it has none."""
        return codec.Reader(annotation).read(self._backend.results(node_id))

    @overload
    async def load(self, node_id: str) -> Any: ...
    @overload
    async def load(self, node_id: str, annotation: type[T]) -> T: ...
    async def load(self, node_id: str, annotation: Any = Any) -> Any:
        """Like `result`, for async nodes: the event loop goes on while the output is read."""
        return await asyncio.to_thread(self.result, node_id, annotation)

    @property
    def errors(self) -> Mapping[str, NodeError]:
        """Why parents with `on_failure="continue"` failed, by node id."""
        return self._backend.errors()

    @property
    def parent(self) -> str | None:
        """The id of the execution that runs this one as a sub-workflow; None if nobody does."""
        return self._backend.family()[0]

    @property
    def depth(self) -> int:
        """How many executions stand above this one: 0, unless it runs as a sub-workflow."""
        return self._backend.family()[1]

    @property
    def cancelled(self) -> bool:
        """Whether the execution was asked to stop; a long node should look, and return early.

        A node that has looked once is trusted to end by itself. Any other is interrupted where Python allows it, and an
        async one is cancelled either way.
        """
        return self._backend.cancelled()

    @property
    def cancel_reason(self) -> str:
        """Why the execution was asked to stop; `""` if it was not, or nobody gave a reason."""
        return self._backend.cancel_reason()

    def progress(self, done: float, total: float) -> None:
        """Say how far this attempt is, for whoever watches: two finite numbers, in any unit."""
        for name, value in (("done", done), ("total", total)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise TypeError(f"progress({name}={value!r}): {name} is a finite number, such as progress(3, 10).")
        self._backend.progress(done, total)

    def rate_limited(self, retry_after_s: float) -> NoReturn:
        """End this attempt now, and let no node of its type start anywhere for `retry_after_s` seconds.

        It is then tried again, without having spent an attempt. `RetryLater` puts off this one attempt and nothing else.
        """
        raise RateLimited(retry_after_s)


def backend_of(context: Context) -> Backend:
    """Return what answers for a context, for nodes that SPANE brings along."""
    return context._backend  # noqa: SLF001 - it is our own, and no business of users


class _CurrentMarker:
    """The default that `current()` gives to a parameter; the engine puts the context in its place."""

    def __repr__(self) -> str:
        return "current()"


MARKER = _CurrentMarker()


def current() -> Context:
    """Return the context of the attempt that runs here; as a parameter's default, ask for it.

    Outside any attempt it gives the mark that `context: Context = current()` needs in a signature.
    """
    return CURRENT.get(MARKER)  # type: ignore[arg-type]


def local(node: str) -> Context:
    """Return the context that a plain call of `node` sees: the running attempt's, or one of no execution."""
    running = CURRENT.get(None)
    if running is not None:
        return running
    return Context("local", "", node, 1, {}, logging.getLogger("spane.node"), backend=_Nowhere())
