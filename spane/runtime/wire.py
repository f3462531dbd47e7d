"""One connection to Redis that speaks in batches: commands out in one write, replies in order.

A pipeline of redis-py's client costs about as much per command as the script it carries; this is its connection
(address, TLS, authentication, RESP) without the client.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import hiredis
import redis

from spane.errors import StoreUnavailable

#: How long one BLPOP stands before it is sent again.
ARMED_S = 5


class Wire:
    """A private connection made from a client's pool settings; not thread-safe, and reconnects when used again."""

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._connection: Any = None

    def _connect(self) -> Any:
        if self._connection is None:
            connection = self._pool.get_connection()
            connection.connect()
            self._connection = connection
        return self._connection

    def call(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send all commands in one write and return their replies; an error reply is returned as an exception.

        Raises:
            StoreUnavailable: the connection broke; what was sent may or may not have been carried out.
        """
        self.send(commands)
        return [self.read() for _ in commands]

    def send(self, commands: Sequence[tuple[Any, ...]]) -> None:
        """Send commands without waiting for their replies."""
        try:
            connection = self._connect()
            connection.send_packed_command([b"".join([hiredis.pack_command(command) for command in commands])])
        except (redis.RedisError, OSError) as error:
            self.drop()
            raise StoreUnavailable(f"Lost the connection to Redis: {error}") from error

    def read(self) -> Any:
        """Read one reply."""
        try:
            return self._connection.read_response()
        except redis.exceptions.ReadOnlyError as error:
            # After a failover this connection leads to what is a replica now; a new one finds the primary.
            self.drop()
            raise StoreUnavailable(f"Redis is a read-only replica now: {error}") from error
        except redis.ResponseError as error:
            return error
        except (redis.RedisError, OSError) as error:
            self.drop()
            raise StoreUnavailable(f"Lost the connection to Redis: {error}") from error

    def socket(self) -> socket.socket:
        """Return the socket of a connection that stands, to select on."""
        found: socket.socket = self._connection._sock  # noqa: SLF001 - redis-py has no public way to select on it
        return found

    def drop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.disconnect()
            self._pool.release(connection)


class LocalWire:
    """The same over a client that is not a socket (fakeredis)."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def call(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run the commands one after the other."""
        replies = []
        for command in commands:
            try:
                replies.append(self._client.execute_command(*command))
            except redis.ResponseError as error:
                replies.append(error)
        return replies

    def drop(self) -> None:
        """Do nothing: there is no connection."""


class Bell:
    """Wakes the pump: rung by worker threads in this process, or by a token in one of the wake lists in Redis.

    A lane is a set of wake lists with a connection of its own. Its token is taken by one BLPOP that stays armed across
    waits, so a busy pump sends none.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._wires: dict[str, Wire] = {}
        self._armed: dict[str, tuple[str, ...]] = {}
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def ring(self) -> None:
        """Wake the pump from any thread."""
        with suppress(BlockingIOError):  # The buffer is full of rings not heard yet: the pump will wake.
            self._far.send(b"\0")

    def wait(self, lanes: Mapping[str, tuple[str, ...]], timeout_s: float) -> list[tuple[str, str]]:
        """Wait for a ring, or a token in the lists of `lanes`; returns the lanes and keys of the tokens that came.

        One may come of a lane that was asked for earlier: `pass_on` gives it to another process.
        """
        for lane, keys in lanes.items():
            self._arm(lane, keys)
        # Not select(): that fails in a process with more than 1024 files open.
        poll = select.poll()
        poll.register(self._near, select.POLLIN)
        sockets = {}
        for lane in self._armed:
            descriptor = self._wires[lane].socket().fileno()
            sockets[descriptor] = lane
            poll.register(descriptor, select.POLLIN)
        heard = []
        for descriptor, _ in poll.poll(timeout_s * 1000):
            if descriptor in sockets:
                lane = sockets[descriptor]
                del self._armed[lane]
                reply = self._wires[lane].read()
                if isinstance(reply, list):
                    heard.append((lane, reply[0].decode()))
            else:
                self._empty()
        return heard

    def _arm(self, lane: str, keys: tuple[str, ...]) -> None:
        if self._armed.get(lane) == keys:
            return
        wire = self._wires.setdefault(lane, Wire(self._client))
        if lane in self._armed:
            wire.drop()  # The lists are others now.
        wire.send([("BLPOP", *keys, ARMED_S)])
        self._armed[lane] = keys

    def _empty(self) -> None:
        with suppress(BlockingIOError):
            while self._near.recv(4096):
                pass

    def pass_on(self, lane: str, key: str) -> None:
        """Put a token back for another process."""
        self._wires[lane].call([("RPUSH", key, "1")])

    def drop(self) -> None:
        """Forget the connections, after one broke or at the end."""
        self._armed.clear()
        for wire in self._wires.values():
            wire.drop()

    def close(self) -> None:
        """Close everything."""
        self.drop()
        self._near.close()
        self._far.close()


class LocalBell:
    """A bell for an in-process store: wakes by a condition, and looks again after a short while."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wake the pump."""
        self._event.set()

    def wait(self, lanes: Mapping[str, tuple[str, ...]], timeout_s: float) -> list[tuple[str, str]]:
        """Wait for a ring; always says that there may be work in every lane."""
        self._event.wait(min(timeout_s, 0.05))
        self._event.clear()
        return [(lane, keys[0]) for lane, keys in lanes.items()]

    def pass_on(self, lane: str, key: str) -> None:
        """Do nothing: there is no other process."""

    def drop(self) -> None:
        """Do nothing: there is no connection."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
