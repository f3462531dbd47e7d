"""What every module of tests finds: a registry of its own, a real Redis where it asks for one, pytest inside pytest."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from spane.authoring import registry
from tests.servers import RedisServer, StartServer, binary_or_skip, forget_scripts

# pytest takes it from a conftest at the top of the tests only.
pytest_plugins = ["pytester"]

#: What each module of tests registered when it was imported, by the module's name. All are before the first test runs.
_registered: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Take what a module of tests registers out of the registry again, so that modules may use the same names."""
    report = yield
    if isinstance(collector, pytest.Module) and report.passed:
        name, found = collector.obj.__name__, registry.default.snapshot()
        nodes, workflows = ({key: kind[key] for key in kind if kind[key].module == name} for kind in found)
        _registered[name] = nodes, workflows
        registry.default.restore(tuple({key: kind[key] for key in kind if kind[key].module != name} for kind in found))
    return report


@pytest.fixture(scope="module", autouse=True)
def own_registry(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the tests of a module find what it registered, and what the modules that it imports did."""
    shared = registry.default.snapshot()
    own = _registered[request.module.__name__]
    registry.default.restore(tuple(theirs | mine for theirs, mine in zip(shared, own, strict=True)))
    yield
    registry.default.restore(shared)


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
