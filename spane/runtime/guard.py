"""The breaker before a node: under which name it stands for these arguments, and what an attempt says about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from spane.model.node_type import MISSING, NodeType
from spane.model.outcome import Failed, Outcome, RetryAt, Skipped, Succeeded
from spane.model.rules import BreakerRule
from spane.runtime.retry import names_of

_LONGEST_KEY = 200


class Guard:
    """The breaker of a plan node, compiled once."""

    __slots__ = ("_code", "_node_type", "_positional", "rule")

    def __init__(self, rule: BreakerRule, node_type: NodeType, positional: list[str]) -> None:
        self.rule = rule
        self._node_type = node_type
        self._code = node_type.guard
        self._positional = positional

    def name(self, args: list[Any], kwargs: Mapping[str, Any]) -> str:
        """Return the name of the breaker that stands before a call with these arguments."""
        code = self._code
        if not self.rule.keyed or code is None or code.key is None:
            return self.rule.name
        given = self._given(args, kwargs)
        return f"{self.rule.name}:{_spelled(code.key(**{name: given[name] for name in code.key_names}))}"

    @property
    def fallback(self) -> Callable[..., Any] | None:
        """What gives the node's value while the breaker is open, to be called as the node is; None without one."""
        code = self._code
        if code is None or code.fallback is None:
            return None
        fn = code.fallback

        def call(*args: Any, **kwargs: Any) -> Any:
            given = self._given(list(args), kwargs)
            return fn(**{name: given[name] for name in code.fallback_names})

        return call

    def _given(self, args: list[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        defaults = {one.name: one.default for one in self._node_type.parameters if one.default is not MISSING}
        return {**defaults, **dict(zip(self._positional, args, strict=False)), **kwargs}


@dataclass(frozen=True, slots=True)
class Passed:
    """An attempt that a breaker let through; a probe is waited for, whatever it comes to."""

    breaker: str
    rule: BreakerRule
    probes: bool

    def verdict(self, outcome: Outcome) -> str | None:
        """Return what the outcome tells the breaker: good, bad, none; None where there is nothing to tell."""
        if isinstance(outcome, Failed) or (isinstance(outcome, RetryAt) and outcome.spends):
            error = outcome.exception
            names = {outcome.error.type, "builtins:Exception"} if error is None else names_of(error)
            if not names.isdisjoint(self.rule.counts):
                return "bad"
        if not self.probes:
            return None
        return "good" if isinstance(outcome, Succeeded | Skipped) else "none"


def _spelled(key: Any) -> str:
    """Return a key as it stands in names: with nothing that separates parts of them."""
    text = quote(str(key), safe="-._~:@/", errors="replace")
    return text if len(text) <= _LONGEST_KEY else f"{text[:150]}~{sha256(text.encode()).hexdigest()[:16]}"
