"""Who comes into an embedded store alone takes over what former users left, and nobody else does."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from spane import Engine, node, workflow
from spane.errors import StoreUnavailable
from spane.model.state import NodeState
from spane.runtime.commands import Commands
from spane.runtime.embedded import EmbeddedServer, packaged_binary

pytestmark = [
    pytest.mark.redis,
    pytest.mark.skipif(
        packaged_binary() is None and not shutil.which("redis-server"), reason="no server for the embedded store"
    ),
]

USER = """
import sys
from spane.runtime.commands import Commands
from spane.runtime.embedded import EmbeddedServer
server = EmbeddedServer(sys.argv[1])
server.start()
print(server.found_alone, flush=True)
sys.stdin.readline()
"""


@node
def forsaken(n: int) -> int:
    return n


@workflow
def one_forsaken(n: int) -> int:
    return forsaken(n)


@pytest.fixture
def folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="spane-"))
    yield root / ".spane"
    shutil.rmtree(root)


def started(folder: Path) -> list[str]:
    """Come in and leave again; returns the URL that was told to a user who was alone."""
    told: list[str] = []
    server = EmbeddedServer(folder)
    server.start(when_alone=told.append)
    server.stop()
    return told


def claim(engine: Engine) -> str:
    """Start an execution, and claim its node for a session that nobody serves."""
    execution = engine.start(one_forsaken, {"n": 3})
    store = engine.store
    store.renew("0123456789ab", "0")
    engine.broker.declare_queue("default")
    commands = Commands(store, "0123456789ab")
    store.load_scripts()
    store.client.execute_command(*commands.fetch(["default"], (), 1, 0, suspects=False))
    assert execution.nodes()["forsaken"].state is NodeState.RUNNING
    return execution.id


def test_the_only_user_is_told_so_and_a_second_one_is_not(folder):
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert "True\n" == other.stdout.readline()
        assert [] == started(folder)
        other.kill()
    assert [EmbeddedServer(folder).url] == started(folder)


def test_a_user_that_was_killed_a_moment_ago_is_no_user(folder):
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert "True\n" == other.stdout.readline()
            other.kill()
            other.wait()
            assert 1 == len(started(folder))


def test_a_failure_to_take_over_lets_go_of_the_store(folder):
    def fail(_url: str) -> None:
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable, match="gone"):
        EmbeddedServer(folder).start(when_alone=fail)
    assert 1 == len(started(folder))


def test_an_engine_that_is_alone_queues_again_what_a_dead_session_held(folder):
    with Engine.embedded(folder) as engine:
        execution = claim(engine)
    with Engine.embedded(folder) as engine:
        assert NodeState.QUEUED is engine.get(execution).nodes()["forsaken"].state
        assert [] == engine.store.client.zrange(engine.store.keys.sessions, 0, -1)
        with engine.work(threads=1):
            assert 3 == engine.get(execution).result(timeout_s=20)


def test_an_engine_that_is_not_alone_leaves_sessions_as_they_are(folder):
    with Engine.embedded(folder) as first:
        execution = claim(first)
        with Engine.embedded(folder) as second:
            assert NodeState.RUNNING is second.get(execution).nodes()["forsaken"].state
