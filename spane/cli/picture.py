"""The live picture of an execution at a terminal: its tree of nodes with state, time, tries and what there is to say."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any, Self

from rich.cells import cell_len, chop_cells
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from spane.authoring.workflow import Workflow
from spane.cli.watching import Row, Watch
from spane.graph.draw import rows
from spane.model.plan import is_step
from spane.model.state import ExecutionState, NodeState

_STYLES = {
    NodeState.RUNNING: "cyan",
    NodeState.RETRYING: "yellow",
    NodeState.PARKED: "yellow",
    NodeState.SUCCEEDED: "green",
    NodeState.FAILED: "bold red",
    NodeState.CANCELLED: "magenta",
}
#: Nodes that are shown first where not all have room.
_TELLING = (NodeState.FAILED, NodeState.RETRYING, NodeState.PARKED, NodeState.RUNNING)
#: Lines that stay free for the prompt and what nodes print.
_HEADROOM = 2
#: The columns of a state and of a time, with the gap before or after them.
_STATES = max(map(len, NodeState)) + 2
_TIMES = 11
_UNPRINTABLE = dict.fromkeys((*range(32), 127), " ")


class Picture:
    """Draws a watch to a terminal until the `with` ends; the last picture stays."""

    def __init__(self, console: Console, watch: Watch, workflow: Workflow[..., Any]) -> None:
        self._console = console
        self._watch = watch
        self._name = workflow.name
        self._branches = {node: branch for branch, node in rows(workflow.draft)}
        self._nodes: list[tuple[str, str]] = []
        self._status = ExecutionState.RUNNING
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def draw(self, ended: ExecutionState | None) -> None:
        """Draw how things stand now."""
        self._status = ended or self._status
        if len(self._nodes) != len(self._watch.rows):
            self._nodes = self._ordered()
        headline = self._headline()
        room = self._console.height - _HEADROOM - len(headline.wrap(self._console, self._console.width))
        self._live.update(Group(headline, *self._table(max(3, room))), refresh=True)

    def _ordered(self) -> list[tuple[str, str]]:
        """Return the nodes as (branch, id) in the order they are drawn."""
        known = [node for node in self._watch.rows if not is_step(node)]
        # A followed execution may have a plan that the code has moved on from; its nodes then stand in plan order.
        drawn = [node for node in self._branches if node in known] if set(known) <= set(self._branches) else known
        steps = [("", node) for node in self._watch.rows if is_step(node)]
        return [(self._branches.get(node, ""), node) for node in drawn] + steps

    def _headline(self) -> Text:
        watch = self._watch
        states = Counter(row.state for row in watch.rows.values())
        done = sum(count for state, count in states.items() if state.ended)
        style = {"completed": "green", "failed": "bold red", "cancelled": "magenta"}.get(self._status, "cyan")
        took = _seconds(watch.now_ms() - watch.began_ms)
        state = self._status if self._status.ended or not watch.compensates else ExecutionState.COMPENSATING
        status = (state, style) if watch.away is None else ("waiting for the store", "yellow")
        return Text.assemble(
            (self._name, "bold"),
            f" {watch.execution.id} ",
            status,
            f" {done} of {len(watch.rows)} nodes, {took}",
        )

    def _table(self, room: int) -> list[Text]:
        """Return a line for each node that has room, and one for those that have none."""
        width = self._console.width
        names = min(max((cell_len(branch + node) for branch, node in self._nodes), default=0), width - _STATES - _TIMES)
        lines: list[Text] = []
        shown = self._nodes if self._fits(names, room) else self._telling()
        for at, (branch, node) in enumerate(shown):
            new = self._row(branch, node, max(names, 1), width)
            if len(lines) + len(new) > room - (shown is not self._nodes or at < len(shown) - 1):
                shown = shown[:at]
                break
            lines += new
        if len(shown) < len(self._nodes):
            lines.append(self._others({node for _, node in shown}))
        return lines

    def _fits(self, names: int, room: int) -> bool:
        return sum(max(1, -(-cell_len(branch + node) // max(names, 1))) for branch, node in self._nodes) <= room

    def _row(self, branch: str, node: str, names: int, width: int) -> list[Text]:
        """Return a node's line. What there is to say gets the room that is left; a long name goes on below."""
        row = self._watch.rows[node]
        name, *below = chop_cells(branch + node, names)
        said = (f"try {row.attempt}  " if row.attempt > 1 else "") + row.note.partition("\n")[0]
        note = Text(said.translate(_UNPRINTABLE))
        note.truncate(max(0, width - names - _STATES - _TIMES - 2), overflow="ellipsis")
        line = Text.assemble(
            (name[: len(branch)], "dim"),
            name[len(branch) :],
            " " * (names - cell_len(name) + 2),
            (f"{row.state:{_STATES - 2}}", _STYLES.get(row.state, "dim")),
            f"{self._time(row):>{_TIMES}}  ",
            note,
            no_wrap=True,
        )
        line.rstrip()
        return [line, *(Text(part, no_wrap=True) for part in below)]

    def _telling(self) -> list[tuple[str, str]]:
        """Return the nodes to show where not all have room."""
        states = {node: self._watch.rows[node].state for _, node in self._nodes}
        return [("", node) for state in _TELLING for _, node in self._nodes if states[node] is state]

    def _others(self, shown: set[str]) -> Text:
        states = Counter(self._watch.rows[node].state for _, node in self._nodes if node not in shown)
        more = "and " if shown else ""
        return Text(f"{more}{', '.join(f'{count} {state}' for state, count in states.items())}", "dim", no_wrap=True)

    def _time(self, row: Row) -> str:
        if row.took_ms is not None:
            return _seconds(row.took_ms)
        if row.state is NodeState.RUNNING and row.began_ms:
            return _seconds(max(0, self._watch.now_ms() - row.began_ms))
        return ""


def _seconds(ms: float) -> str:
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes} min {seconds} s"
