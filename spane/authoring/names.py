"""The ids of a workflow's nodes: a node's own name, numbered where it is called again."""

from __future__ import annotations

from spane.errors import Fault
from spane.model.node_type import Location


class Names:
    """Gives each call of one workflow its id."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}
        self._repeated: dict[str, Location] = {}
        self._taken: set[str] = set()
        self._builtin: set[str] = set()

    def take(self, name: str, given: str | None, location: Location) -> str:
        """Return the id of the next call of node `name`: the `given` one, `name`, or `name_2` and so on."""
        if given is not None:
            self._taken.add(given)
            return given
        count = self._calls[name] = self._calls.get(name, 0) + 1
        if count > 1:
            self._repeated.setdefault(name, location)
        while (node_id := _numbered(name, count)) in self._builtin:
            count += 1
        self._taken.add(node_id)
        return node_id

    def take_builtin(self, name: str) -> str:
        """Return the id of a node that the body does not call itself; it makes way for those that it does."""
        count = 1
        while (node_id := _numbered(name, count)) in self._taken:
            count += 1
        self._taken.add(node_id)
        self._builtin.add(node_id)
        return node_id

    def warnings(self) -> list[Fault]:
        """Return a warning for each node that was called again without an id of its own."""
        return [
            Fault(
                "repeated-node",
                f"node {name!r} is called {self._calls[name]} times, so its ids end in numbers that move when a call is put "
                f"in between ({name}, {name}_2, ...). Give each call a name: {name}.named('...')(...).",
                str(location),
            )
            for name, location in self._repeated.items()
        ]


def _numbered(name: str, count: int) -> str:
    return name if count == 1 else f"{name}_{count}"
