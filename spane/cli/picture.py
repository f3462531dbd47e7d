"""The live picture of an execution at a terminal: its tree of nodes with state, time, tries and what there is to say."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from spane.authoring.workflow import Workflow
from spane.cli.watching import Row, Watch
from spane.graph.draw import rows
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
_HEADROOM = 4


class Picture:
    """Draws a watch to a terminal until the `with` ends; the last picture stays."""

    def __init__(self, console: Console, watch: Watch, workflow: Workflow[..., Any]) -> None:
        self._console = console
        self._watch = watch
        self._name = workflow.name
        branches = {node: branch for branch, node in rows(workflow.draft)}
        # A followed execution may have a plan that the code has moved on from; its nodes then stand in plan order.
        nodes = (
            [node for node in branches if node in watch.rows] if set(watch.rows) <= set(branches) else list(watch.rows)
        )
        self._nodes = [(branches.get(node, ""), node) for node in nodes]
        self._status = ExecutionState.RUNNING
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        self.draw(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def draw(self, ended: ExecutionState | None) -> None:
        """Draw how things stand now."""
        self._status = ended or self._status
        self._live.update(Group(self._headline(), self._table()), refresh=True)

    def _headline(self) -> Text:
        watch = self._watch
        states = Counter(row.state for row in watch.rows.values())
        done = sum(count for state, count in states.items() if state.ended)
        style = {"completed": "green", "failed": "bold red", "cancelled": "magenta"}.get(self._status, "cyan")
        took = _seconds(watch.now_ms() - watch.began_ms)
        return Text.assemble(
            (self._name, "bold"),
            f" {watch.execution.id} ",
            (self._status, style),
            f" {done} of {len(watch.rows)} nodes, {took}",
        )

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2), expand=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        shown = self._shown()
        for branch, node in shown:
            row = self._watch.rows[node]
            style = _STYLES.get(row.state, "dim")
            tries = f"try {row.attempt}  " if row.attempt > 1 else ""
            table.add_row(
                Text.assemble((branch, "dim"), node),
                Text(row.state, style),
                self._time(row),
                Text(tries + row.note.partition("\n")[0]),
            )
        hidden = len(self._nodes) - len(shown)
        if hidden:
            table.add_row(Text(f"... and {hidden} more", "dim"))
        return table

    def _shown(self) -> list[tuple[str, str]]:
        room = max(3, self._console.height - _HEADROOM)
        if len(self._nodes) <= room:
            return self._nodes
        states = {node: self._watch.rows[node].state for _, node in self._nodes}
        telling = [("", node) for state in _TELLING for _, node in self._nodes if states[node] is state]
        return telling[:room]

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
