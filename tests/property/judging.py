"""What a schedule came to: the invariants, and what only the world of a schedule can know."""

from __future__ import annotations

import json
from collections import Counter

from spane.model.event import EventKind
from spane.runtime import stream
from tests.invariants import check, leftovers
from tests.property.actors import digest
from tests.property.world import World
from tests.replay import Violation


def judge(world: World) -> list[Violation]:
    """Return all violations of a world that has come to its end."""
    children = [event.execution for event in stream.events(world.store) if (event.data or {}).get("parent")]
    world.started += [child for child in children if child not in world.started]
    found = world.complaints + check(world.store, world.started) + _as_the_world_knows(world)
    return found or leftovers(world.idle())


def _as_the_world_knows(world: World) -> list[Violation]:
    """Return what is wrong about outputs, crashes and the sweep; only the world knows what really happened."""
    found = []
    if world.mended and not world.lost_by_hand:
        found.append(Violation("I5", "", f"the sweep set {world.mended} nodes right, but nothing was deleted"))
    crashes: dict[tuple[str, str | None], int] = {}
    for event in stream.events(world.store):
        if event.kind is EventKind.NODE_LOST and event.data:
            key = (event.execution, event.node)
            if event.data["crashes"] > crashes.get(key, 0) and event.token not in world.marked:
                found.append(Violation("I10", event.execution, f"{event.node} was charged with a crash unmarked"))
            crashes[key] = event.data["crashes"]
    for execution in world.started:
        stored = world.store.client.hgetall(world.store.keys.outputs(execution))
        found += _taken_twice(execution, stored)
        for name, raw in stored.items():
            if raw.startswith(b"{") and not name.startswith(b"@"):
                told = json.loads(raw)
                given = {parent: digest(stored.get(parent.encode())) for parent in told.get("from", {})}
                if given != told.get("from", {}):
                    found.append(
                        Violation("I3", execution, f"{name.decode()} was given {told.get('from')}, not {given}")
                    )
                entry = world.store.client.hget(world.store.keys.execution(execution), name) or b"||"
                if entry.split(b"|")[1].decode() != told.get("by"):
                    found.append(Violation("I10", execution, f"{entry!r} holds the output of {told.get('by')}"))
    return found


def _taken_twice(execution: str, stored: dict[bytes, bytes]) -> list[Violation]:
    """Return signals of an execution that two nodes took."""
    came = Counter(
        str(json.loads(raw)["came"])
        for name, raw in stored.items()
        if raw.startswith(b"{") and name != b"@in" and "came" in json.loads(raw)
    )
    return [
        Violation("I1", execution, f"{count} nodes took {signal}")
        for signal, count in came.items()
        if count > 1 and signal != "t"
    ]
