"""A Redis and its workers as real processes, a load on them, and what becomes of both."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import redis

from spane import Engine
from spane.engine import Execution
from spane.errors import StoreError
from spane.model.event import Event, EventKind
from spane.runtime import stream
from spane.settings import Settings
from tests.crash import app
from tests.invariants import assert_holds
from tests.servers import RedisServer

WITHIN_S = 60.0
#: Executions that the load keeps going.
IN_FLIGHT = 12


def until(what: str, happened: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    """Return what `happened` gives as soon as that is true."""
    deadline = time.monotonic() + within_s
    while not (found := happened()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} has not happened within {within_s:g} s")
        time.sleep(0.005)
    return found


def counted(usual: int, full: int) -> int:
    """Return how often to do a thing: SPANE_CRASH_FULL asks for the full count."""
    return full if os.environ.get("SPANE_CRASH_FULL") else usual


@dataclass
class WorkerProcess:
    """`dramatiq spane.worker tests.crash.app -p 1 -t 8`: a master and its one child, which run nodes."""

    process: subprocess.Popen[bytes]

    @property
    def child(self) -> int:
        """The id of the process that runs nodes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        named = [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return (named or [int(pid) for pid in children])[-1]

    def signal(self, number: int) -> None:
        """Send a signal to master and child."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill both at once."""
        self.signal(signal.SIGKILL)
        self.process.wait(20)


@dataclass
class Cluster:
    """One Redis, some workers on it, and an engine for the test itself."""

    server: RedisServer
    folder: Path
    url: str
    settings: dict[str, Any] = field(default_factory=dict)
    workers: list[WorkerProcess] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The worker's patience and the test's: nothing of the stream may be trimmed before it is checked.
        self.settings = {"events_kept": 100_000_000, **self.settings}
        self.engine = Engine(settings=Settings(redis_url=self.url, **self.settings))
        self.direct = Engine(settings=Settings(redis_url=self.server.url, **self.settings))

    @property
    def store(self) -> Any:
        """The store, past any proxy."""
        return self.direct.store

    def start_worker(self, *, wait: bool = True) -> WorkerProcess:
        """Start a worker, and wait until it has its session."""
        before = self.sessions()
        settings = {f"SPANE_{name.upper()}": str(value) for name, value in self.settings.items()}
        environment = {**os.environ, **settings, "SPANE_REDIS_URL": self.url, app.FOLDER: str(self.folder)}
        with (self.folder / "workers.log").open("ab") as log:
            process = subprocess.Popen(
                # Where a node kills its process before the master has heard of that, it waits so long for it.
                [
                    sys.executable, "-m", "dramatiq", "spane.worker", "tests.crash.app", "-p", "1", "-t", "8",
                    "--worker-fork-timeout", "5000",
                ],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        worker = WorkerProcess(process)
        self.workers.append(worker)
        if wait:
            until("the worker's session", lambda: self.sessions() - before)
        return worker

    def sessions(self) -> set[bytes]:
        """Return the sessions there are."""
        return set(self.store.client.zrange(self.store.keys.sessions, 0, -1))

    def kill(self, worker: WorkerProcess) -> None:
        """Kill a worker."""
        worker.kill()
        self.workers.remove(worker)

    def start(self, workflow: Any, inputs: dict[str, Any]) -> Execution[Any]:
        """Start an execution."""
        execution = self.engine.start(workflow, inputs)
        self.started.append(execution.id)
        return execution

    def ran(self, execution: str | None = None, node: str | None = None) -> list[dict[str, Any]]:
        """Return what nodes told, oldest first."""
        path = self.folder / "ran"
        lines = path.read_text().splitlines() if path.exists() else []
        told = [json.loads(line) for line in lines]
        return [one for one in told if execution in (None, one["execution"]) and node in (None, one["node"])]

    def open(self, gate: str) -> None:
        """Let those who wait for a gate go on."""
        (self.folder / gate).touch()

    def log(self) -> str:
        """Return what the workers wrote."""
        return (self.folder / "workers.log").read_text(errors="replace")

    def check(self) -> None:
        """Wait until everything has ended, and check the invariants."""
        until("the end of everything", lambda: not self.store.client.zcard(self.store.keys.active))
        assert_holds(self.store, self.started)

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.signal(signal.SIGCONT)
            worker.kill()
        self.engine.close()
        self.direct.close()


class Watch:
    """Follows the stream of a cluster and says when something has happened."""

    def __init__(self, cluster: Cluster) -> None:
        self._store = cluster.store
        self._client = cluster.server.client(socket_timeout=120)
        last = self._client.xrevrange(self._store.keys.events, count=1)
        self._seen = last[0][0].decode() if last else "0-0"

    def events(self, within_s: float = WITHIN_S) -> Iterator[Event]:
        """Yield events as they come, from where the last call stopped."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            self._client.xread({self._store.keys.events: self._seen}, count=1, block=max(1, round(left * 1000)))
            for event in stream.events(self._store, self._seen):
                self._seen = event.id
                yield event
        raise TimeoutError(f"what was waited for has not happened within {within_s:g} s")

    def until(self, wanted: Callable[[Event], bool], *, times: int = 1, within_s: float = WITHIN_S) -> Event:
        """Return the event at which `wanted` was true for the last of so many times."""
        for event in self.events(within_s):
            times -= wanted(event)
            if times <= 0:
                return event
        raise AssertionError

    def commits(self, times: int) -> Event:
        """Wait for so many commits."""
        return self.until(lambda event: event.kind is EventKind.NODE_SUCCEEDED, times=times)


class Load:
    """Keeps a number of executions going; each start is made again with its key until it is acknowledged."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self.refused = 0
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped.set()
        self._thread.join(30)
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        rng, number = random.Random(7), 0
        client = self._cluster.server.client()
        try:
            while not self._stopped.wait(0.01):
                if self._going(client) < IN_FLIGHT:
                    self._start(rng.choice(app.LOAD), number)
                    number += 1
        except BaseException as error:  # noqa: BLE001 - it is raised again where the load ends
            self.error = error

    def _going(self, client: Any) -> int:
        try:
            return int(client.zcard(self._cluster.store.keys.active))
        except redis.RedisError:  # It is down for now.
            return IN_FLIGHT

    def _start(self, workflow: Any, number: int) -> None:
        while not self._stopped.is_set():
            try:
                execution = self._cluster.engine.start(workflow, {"n": number}, key=f"load-{number}")
            except StoreError:
                self.refused += 1
            else:
                self._cluster.started.append(execution.id)
                return
