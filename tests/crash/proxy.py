"""A proxy in front of Redis that loses a call or its reply: it closes the connection before or after Redis has acted."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Mapping
from pathlib import Path


class Proxy:
    """Listens on a unix socket and carries bytes to another; `arm` makes it lose one call of a script."""

    def __init__(self, listen: Path, upstream: Path, names: Mapping[str, str]) -> None:
        """`names` gives the name of a script by the address that it is called by."""
        self._upstream = str(upstream)
        self._needles = {address.encode(): name for address, name in names.items()}
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(listen))
        self._server.listen(100)
        self._lock = threading.Lock()
        self._armed: tuple[str, int, bool] | None = None
        self.calls: dict[str, int] = {}
        self.struck = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, script: str, index: int, *, before: bool) -> None:
        """Lose the call of `script` that is number `index` from now: before Redis sees it, or its reply."""
        with self._lock:
            self.struck.clear()
            self._armed = (script, index, before)

    def close(self) -> None:
        """Accept nothing more."""
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        redis = socket.socket(socket.AF_UNIX)
        tail = b""
        with client, redis, contextlib.suppress(OSError):
            redis.connect(self._upstream)
            while True:
                readable, _, _ = select.select([client, redis], [], [])
                if redis in readable:
                    data = redis.recv(1 << 16)
                    if not data:
                        return
                    client.sendall(data)
                if client in readable:
                    data = client.recv(1 << 16)
                    if not data:
                        return
                    strike = self._strikes(tail, data)
                    tail = data[-39:]
                    if strike == "before":
                        return
                    redis.sendall(data)
                    if strike == "after":
                        redis.recv(1)  # Redis has acted; nobody will hear of it.
                        return

    def _strikes(self, tail: bytes, data: bytes) -> str | None:
        seen = tail + data
        for needle, name in self._needles.items():
            for _ in range(seen.count(needle)):
                with self._lock:
                    self.calls[name] = self.calls.get(name, 0) + 1
                    if self._armed is None or self._armed[0] != name:
                        continue
                    script, left, before = self._armed
                    self._armed = (script, left - 1, before)
                    if left <= 1:
                        self._armed = None
                        self.struck.set()
                        return "before" if before else "after"
        return None
