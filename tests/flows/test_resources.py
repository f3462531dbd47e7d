"""Resources of nodes, where the factory is async."""

from __future__ import annotations

import os

from spane import Engine
from tests.flows import app


def test_an_async_factory_serves_sync_and_async_nodes_on_the_loop_of_the_worker(place):
    for _ in range(5):
        _, result = place.run(app.borrowing, key="k")
        assert [["k", True, True], ["k", True], ["k", True, True]] == result
    place.alive()


def test_what_follows_the_yield_runs_on_the_loop_when_the_worker_stops(flows_folder):
    closed = flows_folder / f"closed-{os.getpid()}"
    closed.unlink(missing_ok=True)
    with Engine.in_memory() as engine:
        engine.start(app.borrowing, {"key": "k"}).result(timeout_s=20)
        assert not closed.exists()
    assert "True" == closed.read_text()
