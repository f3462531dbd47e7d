"""What has to follow a failure or a cancel, told from the plan and the events alone (I14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from spane.model.plan import ON_FAILURE, UNDO, PlanNode, is_step


@dataclass
class Aftermath:
    """The steps of one execution that are still to come: undos, the last to be due first, then the handler.

    `queue` is told of a step that has its turn.
    """

    plan: Mapping[str, PlanNode]
    bad: Callable[[str, str], None]
    queue: Callable[[str], None]
    to_undo: list[str] = field(default_factory=list)
    handled: bool = False
    begun: bool = False
    fate: str = ""

    @property
    def handler(self) -> str | None:
        """The step that hears of a failure."""
        return next((name for name in self.plan if name.endswith(ON_FAILURE)), None)

    def succeeded(self, node: str) -> None:
        """Take in that a node succeeded."""
        if node + UNDO in self.plan and self.plan[node].child is None:
            self.to_undo.append(node)

    def child_completed(self, node: str) -> None:
        """Take in that a child of a node completed, and that there is something to undo of it."""
        # All children that a node has one after the other are undone in one step.
        if node + UNDO in self.plan and node not in self.to_undo:
            self.to_undo.append(node)

    def begin(self, fate: str) -> None:
        """Take in that the execution compensates."""
        self.fate = fate
        if not self._next():
            self.bad("I14", "it compensates with nothing to undo and nobody to tell")

    def step_ended(self) -> None:
        """Take in that a step has ended: the next one has its turn."""
        self._next()

    def retried(self, step: str) -> None:
        """Take in that the dead letter of a step is retried."""
        if step.endswith(UNDO):
            self.to_undo.append(step.removesuffix(UNDO))
        else:
            self.handled = False

    def healed(self) -> None:
        """Take in that the execution goes on after it had failed."""
        if self.begun:
            self.bad("I14", "it was healed although it had compensated")
        self.handled, self.fate = False, ""

    def ended(self, status: str, states: Mapping[str, str]) -> None:
        """Take in how the execution ended."""
        if status == "completed":
            ran = [name for name, state in states.items() if is_step(name) and state != "waiting"]
            ran = [name for name in ran if name.endswith(UNDO)]
            if ran:
                self.bad("I14", f"it completed, but {', '.join(ran)} ran")
            return
        if self.to_undo:
            self.bad("I14", f"it {status}, but {', '.join(self.to_undo)} was not undone")
        if status == "failed" and self.handler is not None and not self.handled:
            self.bad("I14", f"it failed, but {self.handler} has not heard of it")
        if self.fate not in ("", status):
            self.bad("I14", f"it {status}, but compensated as {self.fate}")

    def _next(self) -> bool:
        if self.to_undo:
            self.begun = True
            self.queue(self.to_undo.pop() + UNDO)
        elif self.fate == "failed" and self.handler is not None and not self.handled:
            self.handled = True
            self.queue(self.handler)
        else:
            return False
        return True
