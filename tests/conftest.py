"""Fixtures for every test that needs a real Redis, and for those that run pytest inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis

from tests.servers import RedisServer, StartServer, binary_or_skip, forget_scripts

# pytest takes it from a conftest at the top of the tests only.
pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One redis-server with AOF for the whole session; use `redis_url` or `redis_client` unless it is to be killed."""
    with RedisServer(binary_or_skip("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty Redis that other tests use before and after."""
    with redis.Redis.from_url(redis_server.url, protocol=2) as client:
        client.flushall()
        # A script left over from another test must not hide a missing load.
        forget_scripts(client)
    return redis_server.url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Start extra servers with options of their own; they end with the test."""
    with ExitStack() as stack:
        yield lambda path=None, **options: stack.enter_context(RedisServer(path, **options))


@pytest.fixture(params=["redis", "valkey"])
def each_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server of the test's own, once as Redis and once as Valkey."""
    with RedisServer(kind=request.param) as server:
        yield server
