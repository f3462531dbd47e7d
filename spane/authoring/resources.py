"""Resources: things made once per process by a generator, shared by the nodes that ask for them."""

from __future__ import annotations

import atexit
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from spane.authoring import locations
from spane.errors import DefinitionError, Fault, SpaneError

T = TypeVar("T")


@dataclass(frozen=True)
class Use:
    """The default that `use(factory)` gives to a parameter; the engine puts the resource in its place."""

    factory: Callable[[], Any]

    def __repr__(self) -> str:
        return f"use({getattr(self.factory, '__name__', self.factory)})"


def use(factory: Callable[[], Iterator[T] | AsyncIterator[T]]) -> T:
    """Ask, as a parameter's default, for what a generator function yields.

    The generator runs once per worker process, at the first node that needs it; what stands after its
    `yield` runs when the worker shuts down. A plain call gets it too, made once in this process.

    >>> def pool() -> Iterator[Pool]:
    ...     with Pool() as opened:
    ...         yield opened
    >>> @node
    ... def load(order_id: int, db: Pool = use(pool)) -> Order: ...
    """
    if not (inspect.isgeneratorfunction(factory) or inspect.isasyncgenfunction(factory)):
        name = getattr(factory, "__name__", repr(factory))
        message = (
            f"use({name}) needs a generator function that yields the resource once: "
            "`def pool(): opened = connect(); yield opened; opened.close()`."
        )
        raise DefinitionError(f"Resource {name!r}", [Fault("bad-resource", message, str(locations.caller()))])
    return Use(factory)  # type: ignore[return-value]


class Resources:
    """The resources of one process, each made at the first `get` and closed in reverse order by `close`.

    `run` runs a coroutine to its end on the event loop that the process's async nodes use; without it,
    async factories are refused.
    """

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any] | None = None) -> None:
        self._run = run
        self._made: dict[Callable[[], Any], tuple[Any, Any]] = {}
        # Reentrant, because a factory may itself ask for a resource.
        self._lock = threading.RLock()

    def get(self, factory: Callable[[], Any]) -> Any:
        """Return the resource that `factory` yields, made now if it was not yet."""
        made = self._made.get(factory)
        if made is None:
            with self._lock:
                made = self._made.get(factory) or self._make(factory)
        return made[0]

    def made(self, factory: Callable[[], Any]) -> bool:
        """Tell whether `get` would give at once what is there already."""
        return factory in self._made

    def close(self) -> None:
        """Run what stands after each factory's `yield`, the last made first; raise what they raised together."""
        errors: list[Exception] = []
        with self._lock:
            made = list(self._made.items())
            self._made.clear()
            for factory, (_, generator) in reversed(made):
                try:
                    self._finish(factory, generator)
                except Exception as error:  # noqa: BLE001 - user code; all of them are raised together below
                    errors.append(error)
        if errors:
            raise ExceptionGroup("Resources could not be closed", errors)

    def _make(self, factory: Callable[[], Any]) -> tuple[Any, Any]:
        arguments = {
            name: self.get(parameter.default.factory)
            for name, parameter in inspect.signature(factory).parameters.items()
            if isinstance(parameter.default, Use)
        }
        generator = factory(**arguments)
        try:
            value = self._next(factory, generator)
        except (StopIteration, StopAsyncIteration):
            raise SpaneError(f"Resource {factory.__qualname__!r} yielded nothing; it must yield once.") from None
        self._made[factory] = (value, generator)
        return value, generator

    def _finish(self, factory: Callable[[], Any], generator: Any) -> None:
        try:
            self._next(factory, generator)
        except (StopIteration, StopAsyncIteration):
            return
        raise SpaneError(f"Resource {factory.__qualname__!r} yielded a second time; it must yield once.")

    def _next(self, factory: Callable[[], Any], generator: Generator[Any, None, None] | AsyncIterator[Any]) -> Any:
        if isinstance(generator, Generator):
            return next(generator)
        if self._run is None:
            raise SpaneError(
                f"Resource {factory.__qualname__!r} is made by an async generator, which needs a worker's event loop. "
                "In a plain call pass the resource as an argument."
            )
        return self._run(_step(generator))


async def _step(generator: AsyncIterator[Any]) -> Any:
    return await anext(generator)


#: The resources of plain calls in this process.
process = Resources()
atexit.register(process.close)
