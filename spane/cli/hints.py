"""What a user has to be told while an execution is watched, each thing once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from spane.cli import commands
from spane.cli.watching import Watch
from spane.model.event import Event, EventKind
from spane.model.state import NodeState
from spane.model.waits import event_of

if TYPE_CHECKING:
    from spane.cli.stores import Opened
    from spane.model.plan import PlanNode

#: For so long a node may stand in its queue before somebody is told.
_PATIENCE_S = 3.0
_MOVING = (NodeState.RUNNING, NodeState.RETRYING, NodeState.PARKED)


class Hints:
    """Looks at a watch turn by turn, and says why nothing happens."""

    def __init__(
        self,
        opened: Opened,
        watch: Watch,
        *,
        module: str,
        store: str | None,
        elsewhere: bool,
        say: Callable[[str], None],
    ) -> None:
        self._opened = opened
        self._watch = watch
        self._module = module
        self._store = store
        #: Whether workers elsewhere run the nodes.
        self._elsewhere = elsewhere
        self._say = say
        self._away = False
        self._told: set[tuple[str, str]] = set()
        self._still_since = time.monotonic()
        self._asked = False

    def look(self, events: Sequence[Event]) -> None:
        """Take a turn of the watch."""
        self._look_at_store()
        if self._watch.away is not None:
            return
        for event in events:
            if event.kind is EventKind.NODE_PARKED and event.node in self._watch.rows:
                self._parked(event.node, (event.data or {}).get("reason", ""))
            elif event.kind is EventKind.NODE_WAITING and event.node in self._watch.rows:
                self._awaiting(event.node)
        if events or any(row.state in _MOVING for row in self._watch.rows.values()):
            self._still_since, self._asked = time.monotonic(), False
        elif self._elsewhere and not self._asked and time.monotonic() > self._still_since + _PATIENCE_S:
            self._asked = True
            self._untaken()

    def _look_at_store(self) -> None:
        away = self._watch.away
        if away is not None and not self._away:
            self._say(f"{away} Waiting until it is back; Ctrl-C ends the waiting.")
        elif away is None and self._away:
            self._say("The store is back.")
            self._still_since = time.monotonic()
        self._away = away is not None

    def _parked(self, node: str, reason: str) -> None:
        if self._watch.rows[node].state is not NodeState.PARKED:
            return  # An old event: it has gone on since.
        planned = self._opened.planned(self._watch.execution.id, node)
        if planned is None or not self._opened.is_unfit(planned):
            self._tell(("", reason), f"Node {node!r} is parked: {reason}.")
            return
        version = f" in version {planned.version!r}" if planned.version else ""
        self._tell(
            (planned.type, planned.queue),
            f"Node {node!r} is parked: {reason}. It goes on as soon as a worker of queue {planned.queue!r} has node type "
            f"{planned.type!r}{version}; start one with the module that defines it: {self._worker(planned)}",
        )

    def _awaiting(self, node: str) -> None:
        """Say how to signal the event that a node waits for; what is in memory only, nobody else can signal."""
        if self._watch.rows[node].state is not NodeState.PARKED or self._opened.kind == "memory":
            return
        planned = self._opened.planned(self._watch.execution.id, node)
        event = None if planned is None else event_of(planned)
        if event is not None:
            command = commands.signal(self._watch.execution.id, event, folder=self._opened.folder, store=self._store)
            self._tell(("event", event), f"Node {node!r} waits for event {event!r}: {command}")

    def _untaken(self) -> None:
        """Say which nodes no worker takes out of which queue."""
        queued = [view.id for view in self._watch.execution.nodes().values() if view.state is NodeState.QUEUED]
        if not queued:
            return
        planned = self._opened.planned(self._watch.execution.id, queued[0])
        if planned is not None:
            more = f" and {len(queued) - 1} more" if len(queued) > 1 else ""
            self._tell(
                ("", planned.queue),
                f"No worker has taken node {queued[0]!r}{more} from queue {planned.queue!r} yet. If none is running, start "
                f"one: {self._worker(planned)}",
            )

    def _worker(self, planned: PlanNode) -> str:
        node_type = self._opened.engine.registry.get(planned.type)
        module = self._module if node_type is None else node_type.fn.__module__
        return commands.worker(module, store=self._store)

    def _tell(self, about: tuple[str, str], message: str) -> None:
        if about not in self._told:
            self._told.add(about)
            self._say(message)
