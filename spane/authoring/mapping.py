"""`node.map`: the same node for each item of a list that is known only at run time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from spane.authoring.signatures import Signature
from spane.errors import Skip
from spane.model.node_type import ParameterKind
from spane.model.outcome import describe
from spane.model.rules import Each, OnItemFailure


@dataclass(frozen=True, slots=True)
class Mapped:
    """That a call is a map, and by which rules of its own."""

    max_in_flight: int | None
    on_item_failure: OnItemFailure

    def problems(self) -> Iterator[str]:
        """Find what is wrong with the rules, each as a sentence."""
        most = self.max_in_flight
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            yield f"max_in_flight is {most!r}; give a whole number from 1 up, or None for the default."
        if self.on_item_failure not in get_args(OnItemFailure):
            yield f"on_item_failure is {self.on_item_failure!r}; give 'fail', 'collect' or 'skip'."

    def each(self, signature: Signature) -> Each:
        """Return what makes a call a map over its first argument; the parameter is '' where its node has none for that."""
        return Each(varied(signature), self.max_in_flight, self.on_item_failure)


def varied(signature: Signature) -> str:
    """Return the first parameter that takes data by position, the one that each item is given as; '' without one."""
    for found in signature.inspected.parameters.values():
        if found.kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            break
        parameter = signature.parameter(found.name)
        if parameter is not None and parameter.kind is ParameterKind.DATA:
            return found.name
    return ""


def plain(name: str, call: Callable[[Any], Any], over: Iterable[Any], rules: Mapped) -> list[Any]:
    """Map as a plain function does, outside of any body: one item after the other, by the same rules."""
    found = []
    for item in over:
        try:
            found.append(call(item))
        except Skip:
            continue
        except Exception as error:
            if rules.on_item_failure == "fail":
                raise
            if rules.on_item_failure == "collect":
                found.append(describe(error, node=name, attempt=1, retryable=False))
    return found
