"""The ids of a workflow's nodes: a node's own name, numbered where it is called again."""

from __future__ import annotations

from spane.errors import Fault
from spane.model.node_type import Location


class Names:
    """Gives each call of one workflow its id."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}
        self._repeated: dict[str, Location] = {}

    def take(self, name: str, given: str | None, location: Location) -> str:
        """Return the id of the next call of node `name`: the `given` one, `name`, or `name_2` and so on."""
        if given is not None:
            return given
        count = self._calls[name] = self._calls.get(name, 0) + 1
        if count == 1:
            return name
        self._repeated.setdefault(name, location)
        return f"{name}_{count}"

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
