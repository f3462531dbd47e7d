"""Where flows run: in this process, and on a real Redis with two worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from spane import Engine, Execution
from spane.authoring import registry
from spane.settings import Settings
from tests.flows import app
from tests.servers import RedisServer

_WITHIN_S = 20.0
#: Short enough that a takeover is quick, long enough for a machine that is busy.
PACE = {"lease_s": 1.5, "renew_s": 0.3, "sweep_s": 0.1}
SIZES = {"max_value_bytes": 12 * 1024 * 1024}


def without_code(engine: Engine, execution: Execution[Any]) -> Execution[Any]:
    """Return the handle that a process has which does not know the execution's workflow."""
    return Execution(engine.store, engine._waiter, registry.Registry(), execution.id)


def until(what: str, happened: Callable[[], Any], within_s: float = _WITHIN_S) -> Any:
    """Return what `happened` gives as soon as that is true."""
    deadline = time.monotonic() + within_s
    while not (found := happened()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} has not happened within {within_s:g} s")
        time.sleep(0.005)
    return found


@dataclass
class Place:
    """An engine and the workers behind it, and what nodes told there."""

    name: str
    engine: Engine
    folder: Path
    redis: RedisServer | None = None
    log: Path | None = None
    started: list[str] = field(default_factory=list)

    def start(self, workflow: Any, inputs: dict[str, Any] | None = None, **options: Any) -> Any:
        execution = self.engine.start(workflow, inputs, **options)
        self.started.append(execution.id)
        return execution

    def run(self, workflow: Any, **inputs: Any) -> tuple[Any, Any]:
        """Run a workflow to its end; returns the execution and its result."""
        execution = self.start(workflow, inputs)
        return execution, execution.result(timeout_s=_WITHIN_S)

    def fail(self, workflow: Any, **inputs: Any) -> Any:
        """Run a workflow that fails; returns the execution."""
        execution = self.start(workflow, inputs)
        assert "failed" == execution.wait(timeout_s=_WITHIN_S), self.story(execution)
        return execution

    def saw(self, execution: Any, node: str | None = None) -> list[dict[str, Any]]:
        """Return what nodes told, oldest first."""
        path = self.folder / f"{execution.id}.jsonl"
        told = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in told if node is None or line["node"] == node]

    def events(self, execution: Any, *kinds: str, node: str | None = None) -> list[Any]:
        """Return an execution's events of these kinds."""
        found = list(execution.events())
        return [e for e in found if (not kinds or e.kind in kinds) and (node is None or e.node == node)]

    def story(self, execution: Any) -> str:
        """Return the events of an execution as text, for messages."""
        return "\n".join(f"{event.kind} {event.node} {event.error or ''}" for event in execution.events())

    def dead_letters(self, execution: Any) -> list[str]:
        """Return the nodes of an execution that are dead letters."""
        store = self.engine.store
        entries = [entry.decode() for entry in store.client.zrange(store.keys.dead_letters, 0, -1)]
        return [entry.partition("|")[2] for entry in entries if entry.startswith(f"{execution.id}|")]

    def gate(self) -> str:
        """Return the name of a new gate."""
        return f"gate-{uuid.uuid4().hex}"

    def open(self, gate: str) -> None:
        """Let those who wait for a gate go on."""
        (self.folder / gate).touch()

    def alive(self) -> None:
        """Assert that work still gets done."""
        assert [1, 2] == self.run(app.relaying, value=[1, 2])[1]


@contextmanager
def workers(
    url: str, folder: Path, *arguments: str, log: str = "workers.log", **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `dramatiq spane.worker` on the app; what it writes stands in the folder."""
    pace = {f"SPANE_{name.upper()}": str(value) for name, value in (PACE | SIZES).items()}
    environment = {**os.environ, **pace, **settings, "SPANE_REDIS_URL": url, "SPANE_FLOWS_FOLDER": str(folder)}
    command = [
        sys.executable,
        "-m",
        "dramatiq",
        "spane.worker",
        "tests.flows.app",
        "tests.flows.actors",
        "tests.flows.waits",
        "tests.flows.mapped",
        "tests.flows.undone",
        *arguments,
    ]
    with (folder / log).open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)


def await_boot(log: Path) -> None:
    """Wait until a worker process has booted: the death of one that still boots is seen by Dramatiq's master after 30 s only."""
    until("the boot of a worker", lambda: "ready for action" in log.read_text(), within_s=20)


def sessions(engine: Engine) -> int:
    """Return how many worker sessions there are."""
    return int(engine.store.client.zcard(engine.store.keys.sessions))


@pytest.fixture(scope="session")
def flows_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of gates and of what nodes saw, for all places."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("flows")
        patch.setenv("SPANE_FLOWS_FOLDER", str(folder))
        yield folder


@pytest.fixture(scope="session")
def real(flows_folder: Path) -> Iterator[Place]:
    """A Redis with AOF and two worker processes, for the whole session."""
    log = flows_folder / "workers.log"
    with (
        RedisServer() as server,
        Engine(settings=Settings(redis_url=server.url, **PACE)) as engine,
        workers(server.url, flows_folder, "-p", "2", "-t", "4", "-Q", "default") as process,
    ):

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return sessions(engine) >= 2

        until("the start of two workers", ready)
        yield Place("real", engine, flows_folder, server, log)
        assert process.poll() is None, "the workers ended during the session"


@pytest.fixture
def in_process(flows_folder: Path) -> Iterator[Place]:
    """An engine in this process whose waits cost no real time."""
    before = registry.default.snapshot()
    with Engine.in_memory(settings=Settings(**SIZES), virtual_time=True) as engine:
        yield Place("in_process", engine, flows_folder)
    registry.default.restore(before)


@pytest.fixture(params=["in_process", pytest.param("real", marks=pytest.mark.redis)])
def place(request: pytest.FixtureRequest) -> Place:
    """Each place in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def worker_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """Repeat what the workers wrote during a test; pytest shows it if the test failed."""
    log = request.getfixturevalue("flows_folder") / "workers.log"
    before = log.stat().st_size if log.exists() else 0
    yield
    if log.exists():
        sys.stdout.write(log.read_text()[before:])
