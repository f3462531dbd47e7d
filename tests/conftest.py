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

Registered = tuple[dict[str, Any], dict[str, Any]]

#: What was registered while tests were collected: by modules of tests themselves, and by all others of each folder.
_by_module: dict[str, Registered] = {}
_by_folder: dict[str, Registered] = {}


def _folder(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _joined(*parts: Registered) -> Registered:
    return {k: v for nodes, _ in parts for k, v in nodes.items()}, {
        k: v for _, flows in parts for k, v in flows.items()
    }


def _put_away(module: str | None) -> None:
    """Empty the registry: what `module` registered is its own, the rest belongs to the folders of who registered it."""
    for kind, found in enumerate(registry.default.snapshot()):
        for name, entry in found.items():
            own = entry.module == module
            place = _by_module if own else _by_folder
            place.setdefault(entry.module if own else _folder(entry.module), ({}, {}))[kind][name] = entry
    registry.default.restore(({}, {}))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Import modules of tests with what their folder shares alone, so that two folders, or two modules, may use one name."""
    module = ".".join(collector.path.relative_to(collector.config.rootpath).with_suffix("").parts)
    _put_away(None)  # what a conftest imported, between two collectors
    if isinstance(collector, pytest.Module):
        registry.default.restore(_by_folder.get(_folder(module), ({}, {})))
    report = yield
    _put_away(module)
    return report


@pytest.fixture(scope="module", autouse=True)
def own_registry(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the tests of a module find what it registered, and what the others of its folder did."""
    before, module = registry.default.snapshot(), request.module.__name__
    registry.default.restore(_joined(_by_folder.get(_folder(module), ({}, {})), _by_module.get(module, ({}, {}))))
    yield
    registry.default.restore(before)


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
