"""Keep the server of one embedded store alive for as long as anybody uses it.

This file runs by itself, as `python embedded_keeper.py FOLDER SOCKET BINARY READY_FD`, in a session of its own, so
that Ctrl-C in the terminal of a user reaches neither it nor the server. It imports the standard library only.

Every user holds a shared flock on `users.lock`; the kernel lets go of it however a user ends, SIGKILL included. The
keeper waits for the exclusive one and so wakes exactly when the last user is gone; then it stops the server. While
it holds that lock, a new user waits, and then starts a new keeper.

`keeper.lock` is held by the keeper, `server.lock` by the server too (it inherits the descriptor), so two servers
never write one log, even where a keeper was killed and its server is still closing.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_POLL_S = 0.005
_STOPS_WITHIN_S = 20.0
#: A server that ended by itself is started again if it had been up for so long; otherwise it would only loop.
_STEADY_S = 2.0
_SET_PARENT_DEATH_SIGNAL = 1
_C = ctypes.CDLL(None) if sys.platform == "linux" else None


class Keeper:
    """Runs one server, starts it again if it dies while it is needed, and stops it when nobody is left."""

    def __init__(self, folder: Path, socket_path: str, binary: str, ready: int) -> None:
        self._folder = folder
        self._socket_path = socket_path
        self._binary = binary
        self._ready = ready
        self._leaving = threading.Event()
        self._server: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Serve until nobody is left; returns the exit code."""
        signal.signal(signal.SIGTERM, lambda *_: self._stop_server())
        with self._locked("keeper.lock"):
            self._shut_orphan()
            with self._locked("server.lock") as server_lock:
                if not self._start(server_lock):
                    return 1
                with contextlib.suppress(BrokenPipeError), os.fdopen(self._ready, "wb", buffering=0) as ready:
                    ready.write(b"ready")
                threading.Thread(target=self._leave_when_alone, daemon=True).start()
                code = self._serve(server_lock)
            Path(self._socket_path).unlink(missing_ok=True)
        return code

    def _serve(self, server_lock: int) -> int:
        while True:
            started = time.monotonic()
            assert self._server is not None
            code = self._server.wait()
            if self._leaving.is_set():
                return 0
            print(f"The server ended with {code} while it was in use.", file=sys.stderr, flush=True)  # noqa: T201
            if time.monotonic() - started < _STEADY_S or not self._start(server_lock):
                return 1

    def _start(self, server_lock: int) -> bool:
        """Start the server and return whether it answers."""
        self._server = subprocess.Popen(
            [
                self._binary,
                *("--port", "0", "--unixsocket", self._socket_path, "--unixsocketperm", "700"),
                *("--dir", f"{self._folder}/", "--logfile", f"{self._folder}/server.log"),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--maxmemory-policy", "noeviction"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=[server_lock],
            preexec_fn=None if _C is None else _die_with_parent,  # noqa: PLW1509 - the other thread only waits
        )
        if self._leaving.is_set():
            self._server.terminate()
        while self._server.poll() is None:
            if self._answers(b"PING\r\n"):
                return True
            time.sleep(_POLL_S)
        return False

    def _answers(self, command: bytes) -> bool:
        """Send one command; tell whether the answer is PONG."""
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            connection.connect(self._socket_path)
            connection.sendall(command)
            return connection.recv(64).startswith(b"+PONG")
        return False

    def _shut_orphan(self) -> None:
        """Ask a server whose keeper was killed to end; on Linux it ends by itself."""
        self._answers(b"SHUTDOWN\r\n")

    def _leave_when_alone(self) -> None:
        # The lock is kept until this process has ended, so that whoever comes now waits for the log to be closed.
        fcntl.flock(os.open(self._folder / "users.lock", os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
        self._leaving.set()
        # The command acts at once; the signal is looked at ten times a second, and serves where the command fails.
        self._answers(b"SHUTDOWN\r\n")
        self._stop_server()
        server = self._server
        assert server is not None
        try:
            server.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()

    def _stop_server(self) -> None:
        self._leaving.set()
        if self._server is not None:
            self._server.terminate()

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        lock = os.open(self._folder / name, os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield lock
        finally:
            os.close(lock)


def _die_with_parent() -> None:
    assert _C is not None
    _C.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def main(folder: str, socket_path: str, binary: str, ready: str) -> int:
    """Become a process that is nobody's child and run the keeper."""
    if os.fork():
        # The one who started this waits for it here, and has no child to look after.
        os._exit(0)
    os.umask(0o077)
    return Keeper(Path(folder), socket_path, binary, int(ready)).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
