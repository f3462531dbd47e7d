"""What is undone of maps and of workflows in workflows; like `tests/flows/app.py`, it runs in this process and in workers."""

from __future__ import annotations

from spane import Context, Parents, Retry, current, node, repeat_until, wait_for_event, workflow
from tests.flows.app import ONCE, folder, saw, wait_for


@node
def rooms_of(count: int) -> list[int]:
    return list(range(count))


@node(retry=Retry(attempts=2, base_s=0.01))
def release(room: int, guest: str, output: str, parents: Parents, context: Context = current()) -> None:
    saw(context, room=room, guest=guest, output=output, parents=dict(parents))
    if guest.startswith("gate-"):
        wait_for(folder() / guest)
    if guest == "stuck" and room == 1 and not (folder() / f"{context.execution}.mended").exists():
        raise ConnectionError("nobody answers")


@node(undo=release, retry=ONCE)
def book(room: int, guest: str, *, full: int = -1, gate: str = "") -> str:
    if gate and room:
        wait_for(folder() / gate)
    if room == full:
        raise LookupError(f"room {room} is taken")
    return f"room {room} for {guest}"


@node(retry=ONCE)
def pay(how: str, booked: object) -> str:
    if how != "well":
        raise LookupError("no money")
    return "paid"


@workflow
def group(count: int, guest: str, how: str, full: int = -1, gate: str = "") -> str:
    return pay(how, book.map(rooms_of(count), guest, full=full, gate=gate))


@workflow
def group_with_gaps(count: int, guest: str, how: str, full: int) -> str:
    return pay(how, book.map(rooms_of(count), guest, full=full, on_item_failure="collect"))


@workflow
def stay(room: int, guest: str, gate: str = "") -> str:
    return book(room, guest, gate=gate)


def unpack(output: int, context: Context = current()) -> None:
    saw(context, output=output)


@node(undo=unpack)
def bag(room: int, after: object = None) -> int:
    return room


@workflow
def booking(room: int, guest: str, gate: str) -> str:
    return book(bag(room), guest, gate=gate)


@workflow
def trip(room: int, guest: str, how: str) -> str:
    """A node with an undo before the workflow, and one behind it."""
    return pay(how, bag.named("behind")(room, stay(bag.named("before")(room), guest)))


@workflow
def trips(rooms: list[int], guest: str, how: str) -> str:
    return pay(how, stay.map(rooms, guest))


@workflow
def journey(room: int, guest: str, how: str) -> str:
    """What is undone stands two levels below, beside something of the level between."""
    return pay(how, tour(room, guest))


@workflow
def tour(room: int, guest: str) -> list[object]:
    return bag_all(bag(room), stay(room, guest))


@node
def bag_all(bagged: int, stayed: str) -> list[object]:
    return [bagged, stayed]


@workflow
def another_room(room: int, guest: str) -> int:
    return next_room(book(room, guest))


@node
def next_room(booked: str) -> int:
    return int(booked.split()[1]) + 1


@workflow
def searching(guest: str, how: str) -> str:
    return pay(how, repeat_until(another_room, 0, lambda room: room >= 3, max_iterations=5, guest=guest))


@workflow
def walk(room: int) -> int:
    return next_room.named("walked")(seen(room))


@node
def seen(room: int) -> str:
    return f"room {room}"


@workflow
def strolling(how: str) -> str:
    return pay(how, walk(1))


@node(retry=ONCE)
def beside(gate: str) -> str:
    wait_for(folder() / gate)
    raise LookupError("nothing to be had")


@workflow
def missing_out(room: int, guest: str, gate: str, stays: str) -> str:
    """The workflow completes while its caller fails by something beside it."""
    return pay("well", [stay(room, guest, stays), beside(gate)])


@workflow
def lingering(room: int, guest: str) -> str:
    """After the workflow there is something that never comes."""
    stayed = stay(room, guest)
    return pay(wait_for_event("enough", str, after=stayed), stayed)


@workflow
def booked_up(room: int) -> str:
    """It has something to undo when it fails."""
    return book(bag(room), "ann", full=room)


@workflow
def calling_booked_up(room: int) -> str:
    return booked_up(room)


@workflow
def short_of_money(booked: int) -> str:
    return pay("badly", booked)


@workflow
def calling_with_a_bag(room: int) -> str:
    """It has something to undo itself when what it calls fails."""
    return short_of_money(bag(room))


@workflow
def calling_without(room: int) -> str:
    return short_of_money(room)
