"""Becomes the `conftest` of the fetched test package; its own is not in the source distribution."""

from __future__ import annotations

import logging
import subprocess
import sys

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.brokers import redis


@pytest.fixture
def redis_broker():
    broker = redis.RedisBroker()
    broker.client.flushall()
    broker.emit_after("process_boot")
    dramatiq.set_broker(broker)
    yield broker
    broker.client.flushall()
    broker.close()


@pytest.fixture
def redis_worker(redis_broker):
    worker = Worker(redis_broker, worker_threads=32)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def start_cli():
    started = []

    def start(module, *, extra_args=(), **options):
        command = [sys.executable, "-m", "dramatiq", module, *extra_args]
        started.append(subprocess.Popen(command, bufsize=0, **options))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def info_logging():
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(before)
