"""Callable classes under the decorator, for pyright; mypy does not apply decorators to classes, so it has `node(Pack)`."""

from __future__ import annotations

from typing import assert_type

from spane import node, workflow


@node
class Pack:
    def __call__(self, items: list[str], /, *, fragile: bool = False) -> bytes:
        raise NotImplementedError


@node(queue="mail")
class Send:
    async def __call__(self, parcel: bytes) -> int:
        raise NotImplementedError


@workflow
def ship(items: list[str]) -> int:
    parcel = Pack(items, fragile=True)
    assert_type(parcel, bytes)
    return Send.named("send_eu").options(priority=7)(parcel)


def refused() -> None:
    Pack([1])  # pyright: ignore[reportArgumentType]
    Pack(items=["a"])  # pyright: ignore[reportCallIssue]
    Send("parcel")  # pyright: ignore[reportArgumentType]
