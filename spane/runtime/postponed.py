"""Outcomes that Redis did not take, each until the time when it is sent again; and how long to wait after a refusal."""

from __future__ import annotations

import time
from dataclasses import dataclass

from spane.model.outcome import Outcome
from spane.runtime.claim import Claim

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
#: The same refusal is told once in this time.
_TOLD_EVERY_S = 60.0


@dataclass(slots=True)
class _Refusal:
    pause_s: float = _FIRST_PAUSE_S / 2
    told_at: float | None = None


class Refusals:
    """How often each thing was refused: the pause before it is tried again doubles, and it is told once a minute."""

    def __init__(self) -> None:
        self._known: dict[str, _Refusal] = {}

    def pause_s(self, name: str) -> float:
        """Count a refusal, and return how long to wait now."""
        known = self._known.setdefault(name, _Refusal())
        known.pause_s = min(2 * known.pause_s, _LONGEST_PAUSE_S)
        return known.pause_s

    def to_be_told(self, name: str) -> bool:
        """Tell whether to log a refusal: not if that was done less than a minute ago."""
        known = self._known.setdefault(name, _Refusal())
        now = time.monotonic()
        if known.told_at is not None and now < known.told_at + _TOLD_EVERY_S:
            return False
        known.told_at = now
        return True

    def forget(self, name: str) -> None:
        """Forget what is not refused any more."""
        self._known.pop(name, None)


class Postponed:
    """Outcomes to be sent again later. Only the pump's driver uses it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Claim, Outcome]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, claim: Claim, outcome: Outcome, pause_s: float) -> None:
        """Keep an outcome for `pause_s`."""
        self._waiting.append((time.monotonic() + pause_s, claim, outcome))

    def due(self) -> list[tuple[Claim, Outcome]]:
        """Take out what is due now, in the order in which it came."""
        if not self._waiting:
            return []
        now = time.monotonic()
        found = [(claim, outcome) for at, claim, outcome in self._waiting if at <= now]
        self._waiting = [entry for entry in self._waiting if entry[0] > now]
        return found

    @property
    def next_s(self) -> float:
        """In how many seconds the next one is due; infinite without any."""
        return min((at for at, _, _ in self._waiting), default=float("inf")) - time.monotonic()
