"""Real servers and workers for the tests that kill them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.crash.cluster import Cluster
from tests.servers import RedisServer, binary_or_skip

StartCluster = Callable[..., Cluster]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.crash)
            item.add_marker(pytest.mark.redis)


@pytest.fixture
def start_cluster(tmp_path) -> Iterator[StartCluster]:
    """Start a Redis with options of its own and so many workers; settings go to the workers and the engine."""
    with ExitStack() as stack:

        def start(workers: int = 2, *, options: dict[str, str] | None = None, **settings: Any) -> Cluster:
            server = stack.enter_context(RedisServer(binary_or_skip(), **(options or {})))
            cluster = Cluster(server, tmp_path, server.url, settings)
            stack.callback(cluster.close)
            for _ in range(workers):
                cluster.start_worker()
            return cluster

        yield start


@pytest.fixture
def cluster(start_cluster) -> Cluster:
    """A Redis and two workers with default settings."""
    return start_cluster()
