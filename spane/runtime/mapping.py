"""Maps: a worker splits the list into items, which run as nodes of their own, and joins their results in the end.

Both go over Redis in pages outside of any transition, so that a list of any length holds nobody up. Values stay raw JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from spane.errors import StoreUnavailable, ValueMismatch
from spane.model import items
from spane.model.codec import compile_source
from spane.model.outcome import Expanded, Failed, Outcome, decode_error
from spane.model.paths import shorten
from spane.model.plan import PlanNode
from spane.model.rules import ITEMS_IN_FLIGHT, Each
from spane.runtime.choices import Choices
from spane.runtime.claim import Claim
from spane.runtime.layout import came_field, merged_fields, parts
from spane.runtime.mishaps import absent, put_off
from spane.runtime.store import ERROR_MARK, Store

#: A call keeps no more items, and no more bytes unless one item alone is larger.
_ITEMS_A_CALL = 500
_BYTES_A_CALL = 262_144

_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


class MapProgram:
    """One map of a plan, ready to be split and joined."""

    __slots__ = ("came", "choices", "context", "each", "fields", "is_async", "node", "over", "resources", "workflow")

    def __init__(self, node: PlanNode, each: Each, workflow: str) -> None:
        self.node = items.splitting(node)
        self.each = each
        self.workflow = workflow
        self.fields = merged_fields(self.node)
        self.came = came_field(node.id)
        self.over = compile_source(items.listed(node)[1], node=node.id, parameter=each.parameter)
        self.choices = Choices(node)
        self.is_async = False
        self.context = None
        self.resources: Sequence[Any] = ()

    def attempt(self, store: Store, claim: Claim, outputs: Mapping[str, bytes], inputs: bytes | None) -> Outcome:
        """Split the list, or join what its items came to once the last of them has roused the map."""
        outcome, raw = (
            self.split(store, claim, self.over(outputs, inputs))
            if claim.came is None
            else self.join(store, claim, int(claim.came[1:]))
        )
        return outcome or self.choices.outcome(None, raw)

    def split(self, store: Store, claim: Claim, raw: bytes | None) -> tuple[Outcome | None, bytes]:
        """Keep the items of the list; returns the outcome, or None and the result where there are none."""
        if raw is None:
            raise absent(claim.node, self.each.parameter)
        try:
            values = _elements(raw)
        except msgspec.DecodeError as error:
            raise _not_a_list(claim.node, self.each.parameter, raw) from error
        if not values:
            return None, b"[]"
        first = 0
        for page in _pages(values):
            if not store.put_items(claim.execution, claim.node, claim.token, first, page):
                return put_off(claim, StoreUnavailable("Another attempt has the map now.")), b""
            first += len(page)
        return Expanded(len(values), self.each.max_in_flight or ITEMS_IN_FLIGHT), b""

    def join(self, store: Store, claim: Claim, total: int) -> tuple[Outcome | None, bytes]:
        """Put together what the items came to; returns the outcome where one failed that must not, or None and the list."""
        found: list[bytes] = []
        for page in parts((f"{claim.node}{items.MARK}{index}" for index in range(total)), _ITEMS_A_CALL):
            stored = store.outputs(claim.execution, page)
            for name in page:
                value = stored.get(name)
                if value is None:
                    continue
                if not value.startswith(ERROR_MARK):
                    found.append(value)
                elif self.each.on_item_failure == "collect":
                    found.append(value[1:])
                elif self.each.on_item_failure == "fail":
                    return Failed(decode_error(value[1:])), b""
        return None, b"[" + b",".join(found) + b"]"


def _pages(values: list[msgspec.Raw]) -> Iterator[list[bytes]]:
    page: list[bytes] = []
    size = 0
    for value in values:
        raw = bytes(value)
        if page and (len(page) == _ITEMS_A_CALL or size + len(raw) > _BYTES_A_CALL):
            yield page
            page, size = [], 0
        page.append(raw)
        size += len(raw)
    yield page


def _not_a_list(node: str, parameter: str, raw: bytes) -> ValueMismatch:
    try:
        shown = shorten(msgspec.json.decode(raw))
    except msgspec.DecodeError:
        shown = "no JSON"
    return ValueMismatch(
        f"Map {node!r} goes over what is no list: {shown}. Return a list from what feeds {parameter!r}, or call the node "
        "itself for a single value.",
        node=node,
        parameter=parameter,
    )
