"""Why an execution as a whole waits, or goes on no longer; nodes of it that are held up by that have the same cause."""

from __future__ import annotations

from dataclasses import dataclass

from spane.control.causes import Cause
from spane.control.remedies import Verb
from spane.control.wording import moment

#: The reason of an execution that failed by its deadline, and not by a node.
DEADLINE = "its deadline has come"


@dataclass(frozen=True, slots=True)
class PutAside(Cause):
    """Its execution does not go on now: `status` says how it stands, `reason` why, `node` which one failed it.

    Of one that failed, `remedy` says what lets it go on: retry, retry_later or replay (of the execution `replay`). `undone`
    is whether it has undone anything.
    """

    kind = "put_aside"
    status: str
    reason: str = ""
    node: str = ""
    remedy: Verb | None = None
    replay: str = ""
    undone: bool = False

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        if self.status == "paused":
            return f"The execution is paused{why}; resume it to go on."
        if self.status == "cancelled":
            return f"The execution was cancelled{why}{' and has compensated' if self.undone else ''}."
        if self.status == "cancelling":
            return f"The execution is being cancelled{why}; what runs comes to its end, and nothing new starts."
        of = f"because of {self.node!r}" if self.node else f"because it was cancelled{why}"
        if self.reason == DEADLINE and not self.node:
            of = f"because {DEADLINE}"
        if self.status == "failing":
            return f"The execution is failing {of}; what runs comes to its end, and nothing new starts."
        if self.status == "compensating":
            return f"The execution is compensating {of}; nothing but undos and its handler runs, and then it has ended."
        if self.status == "failed":
            return f"The execution failed {of}{' and has compensated' if self.undone else ''}; {self._remedy()}."
        return f"The execution is {self.status}; it is queued as soon as a worker fetches again."

    def _remedy(self) -> str:
        if self.remedy == "retry":
            return "a retry of its dead letter lets it go on"
        if self.remedy == "retry_later":
            return "a retry of its dead letter lets it go on, once the execution that runs it has ended"
        return f"replay execution {self.replay} to run it again"


@dataclass(frozen=True, slots=True)
class Compensating(Cause):
    """The execution undoes what it did, and then ends as `fate` says: `left` nodes are undone after the one that is now."""

    kind = "compensating"
    fate: str
    reason: str
    node: str
    left: int

    def __str__(self) -> str:
        why = (
            f"failed because {f'of {self.node!r}' if self.node else self.reason}"
            if self.fate == "failed"
            else "was cancelled"
        )
        reason = f" ({self.reason})" if self.reason and self.fate != "failed" else ""
        behind = f"; {self.left:,} more to undo" if self.left else ""
        return f"The execution {why}{reason}, and undoes what it did{behind}."


@dataclass(frozen=True, slots=True)
class Scheduled(Cause):
    """The execution begins at a later time."""

    kind = "scheduled"
    due_ms: int

    def __str__(self) -> str:
        return f"The execution begins at {moment(self.due_ms)}."


@dataclass(frozen=True, slots=True)
class PlanMissing(Cause):
    """The plan of the execution is not in the store."""

    kind = "plan_missing"
    plan: str

    def __str__(self) -> str:
        return f"Plan {self.plan} is not in the store, which has lost data: start its workflow again to put it there."
