"""Real servers for tests: started on a unix socket in a folder of their own, killed and restarted at will."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import fakeredis
import pytest
import redis

_STARTS_WITHIN_S = 20.0
_OPTIONS = {
    "port": "0",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
}


def binary(kind: str) -> str | None:
    """Return the server binary of a kind, `redis` or `valkey`, if this machine has one."""
    if kind == "valkey":
        from spane.runtime.embedded import packaged_binary  # noqa: PLC0415 - only these tests need it

        packaged = packaged_binary()
        return str(packaged) if packaged else shutil.which("valkey-server")
    return shutil.which("redis-server")


def binary_or_skip(kind: str = "redis") -> str:
    """Return the server binary; without one skip the test at home and fail it in CI."""
    found = binary(kind)
    if found is None:
        reason = f"{kind}-server is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; CI must have it")
        pytest.skip(reason)
    return found


def forget_scripts(client: redis.Redis) -> None:
    """Make a server forget SPANE's transitions, as after a failover to one that never had them."""
    client.script_flush()
    if not isinstance(client, fakeredis.FakeRedis):  # which keeps scripts only
        client.execute_command("FUNCTION", "FLUSH")


class RedisServer:
    """One server process. Options are those of redis.conf with `_` for `-`; AOF is on unless they say otherwise.

    >>> with RedisServer(appendfsync="always") as server:
    ...     server.client().ping()
    """

    def __init__(self, path: str | None = None, *, kind: str = "redis", **options: str) -> None:
        self.path = path or binary_or_skip(kind)
        # pytest's own folders are too deep for a socket's path, which ends at 108 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="spane-test-"))
        self.socket = self.folder / "s.sock"
        self.options = _OPTIONS | {name.replace("_", "-"): value for name, value in options.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[redis.Redis] = []

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def client(self, **options: object) -> redis.Redis:
        """Return a client that is closed together with the server."""
        client = redis.Redis.from_url(self.url, **{"protocol": 2, "socket_timeout": 10, **options})
        self._clients.append(client)
        return client

    def start(self, *, wait: bool = True) -> None:
        """Start the process on the data that is there; unless told otherwise, return when it answers."""
        arguments = [part for name, value in self.options.items() for part in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.path, *arguments, "--unixsocket", str(self.socket), "--dir", f"{self.folder}/"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_until_up()

    def wait_until_up(self) -> None:
        """Return when the server answers PING, its data loaded."""
        deadline = time.monotonic() + _STARTS_WITHIN_S
        with redis.Redis.from_url(self.url, protocol=2, socket_timeout=10) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"The server did not start:\n{self.log()}") from None
                    time.sleep(0.005)
                else:
                    return

    def log(self) -> str:
        """Return what the server wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def send(self, number: int) -> None:
        """Send a signal: SIGSTOP and SIGCONT to freeze it, for one."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process with SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process with SIGTERM, as an operator would."""
        self._end(signal.SIGTERM)

    def restart(self, number: int = signal.SIGKILL) -> None:
        """End the process and start it again on what it wrote."""
        self._end(number)
        self.start()

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(timeout=20)
            self._process = None

    def close(self) -> None:
        """End the process and remove its folder."""
        for client in self._clients:
            client.close()
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


#: Starts a server that ends with the test: `start_server(appendfsync="always", kind="valkey")`.
StartServer = Callable[..., RedisServer]
