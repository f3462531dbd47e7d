"""One connection to Redis that speaks in batches: commands out in one write, replies in order.

A pipeline of redis-py's client costs about as much per command as the script it carries; this is its connection
(address, TLS, authentication, RESP) without the client.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import hiredis
import redis

from spane.errors import StoreUnavailable


class Wire:
    """A private connection made from a client's pool settings; not thread-safe, and reconnects when used again."""

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._connection: Any = None

    @property
    def connected(self) -> bool:
        """Whether a connection stands."""
        return self._connection is not None

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
    """Wakes the pump: rung by worker threads in this process, or by a token in one of the wake lists in Redis."""

    def __init__(self, client: redis.Redis) -> None:
        self._wire = Wire(client)
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._armed = False

    def ring(self) -> None:
        """Wake the pump from any thread."""
        with suppress(BlockingIOError):  # The buffer is full of rings not heard yet: the pump will wake.
            self._far.send(b"\0")

    def wait(self, keys: Sequence[str], timeout_s: float) -> bool:
        """Wait for a ring or a token; returns whether a token came.

        The token is taken by one BLPOP that stays armed across waits, so a busy pump sends none.
        """
        if not self._armed:
            self._wire.send([("BLPOP", *keys, max(0.01, round(timeout_s, 3)))])
            self._armed = True
        redis_socket = self._wire.socket()
        # Not select(): that fails in a process with more than 1024 files open.
        poll = select.poll()
        poll.register(redis_socket, select.POLLIN)
        poll.register(self._near, select.POLLIN)
        heard = {descriptor for descriptor, _ in poll.poll((timeout_s + 1) * 1000)}
        if self._near.fileno() in heard:
            while True:
                try:
                    if not self._near.recv(4096):
                        break
                except BlockingIOError:
                    break
        if redis_socket.fileno() in heard:
            self._armed = False
            return self._wire.read() is not None
        return False

    def drop(self) -> None:
        """Forget the connection, after it broke or at the end."""
        self._armed = False
        self._wire.drop()

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

    def wait(self, keys: Sequence[str], timeout_s: float) -> bool:
        """Wait for a ring; always says that there may be work."""
        self._event.wait(min(timeout_s, 0.05))
        self._event.clear()
        return True

    def drop(self) -> None:
        """Do nothing: there is no connection."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
