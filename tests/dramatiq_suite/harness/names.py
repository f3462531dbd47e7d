"""Becomes the `common` module of the fetched test package; its own is not in the source distribution."""

from __future__ import annotations

import platform
from contextlib import contextmanager

import pytest
from dramatiq import Worker
from dramatiq.threading import is_gevent_active


@contextmanager
def worker(*arguments, **options):
    started = Worker(*arguments, **options)
    started.start()
    try:
        yield started
    finally:
        started.stop()


skip_in_ci = pytest.mark.skipif(condition=False, reason="runs everywhere here")
skip_on_windows = pytest.mark.skipif(platform.system() == "Windows", reason="not on Windows")
skip_on_pypy = pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="not under PyPy")
skip_with_gevent = pytest.mark.skipif(is_gevent_active(), reason="not with gevent")
skip_without_gevent = pytest.mark.skipif(not is_gevent_active(), reason="only with gevent")
RABBITMQ_CREDENTIALS = None
