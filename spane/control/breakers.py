"""Circuit breakers as an operator sees them: list, look, reset."""

from __future__ import annotations

from collections.abc import Iterator

from spane.control.options import is_storable
from spane.errors import UnknownBreaker
from spane.ops.breakers import BreakerView, view
from spane.runtime import breakers
from spane.runtime.store import Store

Views = list[BreakerView]


class Breakers:
    """The circuit breakers of an engine's store that have seen a failure within a day.

    >>> for breaker in engine.breakers:
    ...     print(breaker.name, breaker.state)
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def __iter__(self) -> Iterator[BreakerView]:
        """Yield all of them by name."""
        return iter(self.list())

    def list(self) -> Views:
        """Return all of them by name."""
        found = breakers.read(self._store, breakers.names(self._store))
        return [view(name, *each) for name, each in found.items()]

    def get(self, name: str) -> BreakerView:
        """Return one of them; `UnknownBreaker` if nothing that it guards has failed within a day."""
        found = breakers.read(self._store, [name]) if is_storable(name) else {}
        if name not in found:
            raise UnknownBreaker(name)
        return view(name, *found[name])

    def reset(self, name: str) -> None:
        """Close it, whatever it has seen; what waits at it goes on. `UnknownBreaker` if there is none."""
        if not is_storable(name) or not breakers.reset(self._store, name):
            raise UnknownBreaker(name)
