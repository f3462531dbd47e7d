"""Clients of Redis, made in one place so that every one of them times out and retries as intended.

redis-py's own defaults differ by how a client is made (no retries from a URL, ten from host and port) and let a
URL change them; here they are pinned, RESP2 as well. A URL may still choose timeouts, TLS and the size of the pool.
"""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.connection import ConnectionPool, UnixDomainSocketConnection, parse_url
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from spane.errors import EngineClosed, StoreError, StoreFull, StoreUnavailable, StoreUnsuitable
from spane.model.urls import masked

#: A black-holed connection is noticed within this time.
COMMAND_TIMEOUT_S = 3.0
#: What a blocking command may take beyond the time it asked to wait.
BLOCKING_MARGIN_S = 5.0


def command_client(url: str, *, timeout_s: float = COMMAND_TIMEOUT_S, retries: int = 0) -> redis.Redis:
    """Return a client for commands that answer at once.

    `retries` repeats a command after a lost connection or a timeout; ask for it only where all commands may safely
    be carried out twice.
    """
    retry = Retry(ExponentialBackoff(cap=1.0, base=0.05), retries) if retries else Retry(NoBackoff(), 0)
    return _client(url, timeout_s, retry)


def close(client: redis.Redis) -> None:
    """Close a client for good: whatever it is asked from now on raises `EngineClosed`, where redis-py would connect again."""
    client.close()
    client.connection_pool = _NoConnections()


class _NoConnections(ConnectionPool):
    def get_connection(self, *_: Any, **__: Any) -> Any:
        raise EngineClosed


def blocking_client(url: str, *, block_s: float = 30.0) -> redis.Redis:
    """Return a client for commands that wait at most `block_s` in Redis; never retried."""
    return _client(url, block_s + BLOCKING_MARGIN_S, Retry(NoBackoff(), 0))


def _client(url: str, timeout_s: float, retry: Retry) -> redis.Redis:
    options = _options(url)
    chosen = options.pop("socket_timeout", None)
    if options.get("connection_class") is not UnixDomainSocketConnection:
        options.setdefault("socket_keepalive", True)
    options.setdefault("socket_connect_timeout", COMMAND_TIMEOUT_S)
    pinned: dict[str, Any] = {
        "socket_timeout": timeout_s if chosen is None else max(timeout_s, chosen),
        "retry": retry,
        "retry_on_timeout": False,
        "retry_on_error": [],
        "protocol": 2,
        "decode_responses": False,
        "health_check_interval": 0,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    client = redis.Redis(connection_pool=ConnectionPool(**{**options, **pinned}))
    client.auto_close_connection_pool = True
    return client


def _options(url: str) -> dict[str, Any]:
    scheme, separator, rest = url.partition("://")
    known = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    try:
        return dict(parse_url(f"{known}{separator}{rest}"))
    except ValueError as error:
        raise StoreUnavailable(
            f"{masked(url)!r} is no URL of a Redis ({masked(str(error))}). Write it like redis://host:6379/0, "
            "rediss://... for TLS, or unix:///path/to/redis.sock."
        ) from None


_UNAVAILABLE = {
    "READONLY": "it is a read-only replica now, as after a failover; the connection has to find the new primary",
    "LOADING": "it is still loading its data after a start",
    "MASTERDOWN": "it is a replica that lost its primary",
    "MISCONF": "it cannot write its data to disk, so it refuses writes; look at its disk and its log",
    "NOREPLICAS": "too few of its replicas are connected",
    "CLUSTERDOWN": "its cluster is down",
    "TRYAGAIN": "its cluster is moving the keys that were asked for",
    "BUSY": "it is busy with a script that has run for too long",
    "NOSCRIPT": "it has forgotten SPANE's functions, as after FUNCTION FLUSH; they are loaded again by the next call",
}
_UNSUITABLE = {
    "WRONGTYPE": "a key of SPANE's holds something else; another program uses the same names, so set SPANE_NAMESPACE",
    "NOPERM": "its user may not run a command that SPANE needs; allow it in the ACL, `spane check` says which",
    "UNKNOWN": "it does not know a command that SPANE needs; Redis 7.0 or newer or Valkey is required",
}


#: What a script is told when it calls what its caller may not: by Redis 7.0, and by later ones and Valkey.
_REFUSED_INSIDE = ("The user executing the script can't ", "ACL failure in script")
_CODES = {
    OutOfMemoryError: "OOM",
    NoScriptError: "NOSCRIPT",
    NoPermissionError: "NOPERM",
    BusyLoadingError: "LOADING",
    ReadOnlyError: "READONLY",
    MasterDownError: "MASTERDOWN",
    ClusterDownError: "CLUSTERDOWN",
    TryAgainError: "TRYAGAIN",
}


def translate(error: Exception) -> StoreError:
    """Turn an error of redis-py, or of a socket, into one of SPANE's; raise it from the first."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, AuthenticationError | AuthorizationError):
        return StoreUnavailable(
            f"Redis refused the login: {str(error).rstrip('.')}. Check user and password in SPANE_REDIS_URL."
        )
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return StoreUnavailable(
            f"Redis did not answer in time ({error}); what was asked may or may not have been done. Check that it is up "
            "and not overloaded, and the network to it."
        )
    code = _code(error)
    if code == "OOM":
        return StoreFull(
            "Redis is out of memory (maxmemory), so nothing was started; what runs goes on. Raise maxmemory, or try "
            "again when executions have ended and their retention is over."
        )
    if code in _UNAVAILABLE:
        return StoreUnavailable(f"Redis cannot serve just now: {_UNAVAILABLE[code]} ({error}). Try again.")
    if isinstance(error, (MovedError, AskError, ClusterCrossSlotError)):
        return StoreUnsuitable(
            f"Redis runs as a cluster of several nodes ({error}), which this client does not follow. Use a Redis with "
            "cluster mode off.",
            faults=(),
        )
    if code in _UNSUITABLE:
        return StoreUnsuitable(f"Redis cannot be used: {_UNSUITABLE[code]} ({error}).", faults=())
    if isinstance(error, redis.ConnectionError | OSError):
        return StoreUnavailable(
            f"Redis cannot be reached: {masked(str(error)).rstrip('.')}. Start it, or check SPANE_REDIS_URL and the network."
        )
    return StoreError(f"Redis answered with an error: {error}")


def is_refused(error: Exception) -> bool:
    """Tell whether an error says that the user may not do what was asked."""
    return _code(error) == "NOPERM"


def _code(error: Exception) -> str:
    """Return the error code of a reply; redis-py takes some of them out of the text and makes classes of them."""
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    if not isinstance(error, ResponseError):
        return ""
    text = str(error)
    if text.startswith("Function not found"):
        return "NOSCRIPT"
    if text.startswith(_REFUSED_INSIDE):
        return "NOPERM"
    if text.lower().startswith("unknown command"):
        return "UNKNOWN"
    return text.partition(" ")[0].strip(":") if text[:1].isupper() else ""
