"""What is undone of maps and of workflows in workflows; like `tests/flows/app.py`, it runs in this process and in workers."""

from __future__ import annotations

from spane import Context, Parents, Retry, current, node, workflow
from tests.flows.app import ONCE, folder, saw, wait_for


@node
def rooms_of(count: int) -> list[int]:
    return list(range(count))


@node(retry=Retry(attempts=2, base_s=0.01))
def release(room: int, guest: str, output: str, parents: Parents, context: Context = current()) -> None:
    saw(context, room=room, guest=guest, output=output, parents=dict(parents))
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
