"""Executions that earlier runs left unfinished in an embedded store: named at the start, and again at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spane.cli import commands
from spane.cli.reporting import say

if TYPE_CHECKING:
    from spane.cli.stores import Opened
    from spane.engine import Execution

_MOST = 5


class Leftovers:
    """The unfinished executions beside the one that is run."""

    def __init__(self, opened: Opened, executions: Sequence[Execution[Any]], *, store: str | None) -> None:
        self._opened = opened
        self._executions = executions
        self._store = store
        self._running = [execution for execution in executions if opened.can_run(execution)]

    def announce(self) -> None:
        """Say which there are, what becomes of them now, and how to finish or cancel them."""
        if not self._executions:
            return
        count = len(self._executions)
        whence = "" if self._opened.alone else " or that other processes run now"
        lines = [
            f"{self._opened.folder} holds {count} other execution{'s' * (count > 1)} that earlier runs left unfinished{whence}:"
        ]
        for execution in self._executions[:_MOST]:
            fate = (
                "goes on while this one runs" if execution in self._running else "is left: its code is not loaded here"
            )
            lines.append(f"  {self._told(execution)} {fate}.")
            lines.append(f"    finish it: {self._follow(execution)}")
            lines.append(
                f"    cancel it: {commands.cancel(execution.id, folder=self._opened.folder, store=self._store)}"
            )
        if count > _MOST:
            lines.append(f"  ... and {count - _MOST} more.")
        say("\n".join(lines))

    def conclude(self) -> None:
        """Say what became of those that went on beside."""
        if not self._opened.alone:
            return  # Whoever runs them tells.
        for execution in self._running[:_MOST]:
            status = execution.status()
            if status.ended:
                say(f"{self._told(execution)} has meanwhile {_ENDS[status.value]}.")
            else:
                say(f"{self._told(execution)} is still unfinished; finish it: {self._follow(execution)}")

    def _told(self, execution: Execution[Any]) -> str:
        nodes = execution.nodes().values()
        done = sum(view.state.ended for view in nodes)
        return f"{execution.id} of {self._opened.runs(execution.id)} ({done} of {len(nodes)} nodes done)"

    def _follow(self, execution: Execution[Any]) -> str:
        return commands.follow(self._opened.target_or_name(execution.id), execution.id, store=self._store)


_ENDS = {"completed": "completed", "failed": "failed", "cancelled": "been cancelled"}
