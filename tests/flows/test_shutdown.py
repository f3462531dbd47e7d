"""A worker that stops gives its async nodes back, with nothing charged to them."""

from __future__ import annotations

import asyncio

import pytest

from spane import Engine, node, workflow
from spane.model.event import EventKind
from spane.settings import Settings

pytestmark = pytest.mark.redis


@node
async def shutdown_waits(n: int) -> int:
    await asyncio.sleep(60)
    return n


@node(timeout_s=120)
async def shutdown_waits_guarded(n: int) -> int:
    await asyncio.sleep(60)
    return n


@workflow
def shutdown_flow(n: int) -> list[int]:
    return [shutdown_waits(n), shutdown_waits_guarded(n)]


def test_async_nodes_are_handed_back_when_the_grace_is_over(redis_url):
    settings = Settings(redis_url=redis_url, shutdown_grace_s=0.2)
    with Engine(settings=settings) as engine:
        with engine.work(threads=1):
            execution = engine.start(shutdown_flow, {"n": 1})
            claimed: set[str | None] = set()
            for event in execution.events(follow=True):
                if event.kind is EventKind.NODE_CLAIMED:
                    claimed.add(event.node)
                if len(claimed) == 2:
                    break
        assert "running" == execution.status()
        assert {0} == {view.attempt for view in execution.nodes().values()}
        assert not [event for event in execution.events() if event.kind is EventKind.NODE_FAILED]
