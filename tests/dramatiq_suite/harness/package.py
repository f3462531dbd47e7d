"""Becomes the `__init__` of the fetched test package: puts the broker under test in the place of Dramatiq's.

It is imported before any test module, in pytest and in the worker processes that tests start. `SUITE_BROKER` names the
class as `module:name`. The tests reach for Redis on its default port; `SUITE_REDIS_PORT` is where ours is instead,
so that a server that happens to be on the default port is never touched.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import dramatiq.brokers.redis
import redis.connection

DEFAULT_PORT = 6379

_connect = redis.connection.Connection.__init__


def _connect_to_ours(self: Any, host: str = "localhost", port: int = DEFAULT_PORT, **options: Any) -> None:
    if port == DEFAULT_PORT:
        port = int(os.environ["SUITE_REDIS_PORT"])
    _connect(self, host=host, port=port, **options)


redis.connection.Connection.__init__ = _connect_to_ours  # type: ignore[method-assign]

_module, _, _name = os.environ["SUITE_BROKER"].partition(":")
dramatiq.brokers.redis.RedisBroker = getattr(importlib.import_module(_module), _name)  # type: ignore[misc]
