"""Whether a Redis keeps what it is given (version, eviction, persistence, cluster mode, role) and lets us work on it.

Managed services often forbid INFO or CONFIG; what cannot be read then is a warning, not a fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

import redis
from redis.exceptions import MovedError

from spane.errors import Fault, StoreUnsuitable
from spane.runtime import scripts
from spane.runtime.clients import is_refused, translate
from spane.runtime.keys import Keys

#: What `SPANE_ALLOW_UNSAFE_REDIS` may name.
OVERRIDABLE = frozenset({"eviction", "persistence"})
OLDEST = (7, 0)
#: Commands that are asked for beside those of the transitions, on keys of ours, ...
_ON_OUR_KEYS = ("BLMOVE", "LPOS", "SMEMBERS", "ZRANGEBYSCORE")
#: ... on none, ...
_ON_NO_KEY = ("TIME", "FUNCTION LIST", "FUNCTION LOAD x", "FUNCTION DELETE x", "SCAN 0", "SCRIPT LOAD x")
#: ... and on Dramatiq's, whose scripts take their namespace itself as the key.
_DRAMATIQ = "dramatiq"
_ON_DRAMATIQ_KEYS = (
    "DEL", "HDEL", "HEXISTS", "HGET", "HLEN", "HMGET", "HSET", "LPOP", "RPUSH", "SADD", "SCARD", "SMEMBERS", "SREM",
    "ZADD", "ZRANGEBYSCORE", "ZREM",
)  # fmt: skip

_logger = logging.getLogger("spane.store")


def require_suitable(client: redis.Redis, *, allow: Collection[str] = (), prefix: str | None = None) -> None:
    """Raise `StoreUnsuitable` with all faults of the Redis behind `client`; log what is doubtful as a warning.

    `allow` names faults that are accepted (see `OVERRIDABLE`); `prefix` is what all keys of SPANE begin with.
    """
    faults, warnings = examine(client, prefix=prefix)
    for warning in warnings:
        _logger.warning("%s", warning)
    standing = [fault for fault in faults if fault.code not in OVERRIDABLE.intersection(allow)]
    if standing:
        lines = "\n".join(f"  - {fault.message}" for fault in standing)
        raise StoreUnsuitable(f"This Redis would not keep what SPANE gives it:\n{lines}", faults=tuple(standing))


def examine(client: redis.Redis, *, prefix: str | None = None) -> tuple[list[Fault], list[Fault]]:
    """Return faults and warnings of the Redis behind `client`; raises `StoreUnavailable` when it is not there."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    info = _ask(client.info)
    if info is None:
        warnings.append(
            _doubt("info", "INFO is forbidden here, so persistence could not be checked; make sure AOF is on")
        )
    facts = info or {}
    _check_version(client, facts, faults, warnings)
    _check_eviction(client, facts, faults, warnings)
    if info is not None:
        _check_persistence(client, facts, faults, warnings)
        _check_role(facts, faults)
    _check_cluster(client, facts, prefix, faults)
    if not {"cluster", "replica", "sentinel", "version"}.intersection(fault.code for fault in faults):
        _check_permissions(client, prefix or Keys().prefix, faults)
    return faults, warnings


def _check_version(client: redis.Redis, facts: dict[str, Any], faults: list[Fault], warnings: list[Fault]) -> None:
    greeting = {} if "redis_version" in facts else _hello(client)
    version = str(facts.get("redis_version") or greeting.get("version", ""))
    if greeting.get("server") == "fakeredis":
        return
    parts = version.split(".")[:2]
    if not all(part.isdigit() for part in parts):
        warnings.append(_doubt("version", "its version could not be read; Redis 7.0 or newer or Valkey is required"))
    elif tuple(map(int, parts)) < OLDEST:
        faults.append(_fault("version", f"it is version {version}; upgrade to Redis 7.0 or newer, or to Valkey"))


def _check_eviction(client: redis.Redis, facts: dict[str, Any], faults: list[Fault], warnings: list[Fault]) -> None:
    policy = facts.get("maxmemory_policy") or _configured(client, "maxmemory-policy")
    if policy is None:
        warnings.append(_doubt("eviction", "its maxmemory-policy could not be read; make sure that it is noeviction"))
    elif policy != "noeviction":
        faults.append(
            _fault(
                "eviction",
                f"its maxmemory-policy is {policy}, so it drops keys when memory is short and executions with them; run "
                "`CONFIG SET maxmemory-policy noeviction` and write it into redis.conf, or accept the loss with "
                "SPANE_ALLOW_UNSAFE_REDIS=eviction",
            )
        )


def _check_persistence(client: redis.Redis, facts: dict[str, Any], faults: list[Fault], warnings: list[Fault]) -> None:
    if facts.get("aof_enabled"):
        return
    snapshots = _configured(client, "save")
    if snapshots == "":
        faults.append(
            _fault(
                "persistence",
                "it keeps nothing on disk, so a restart loses every execution; run `CONFIG SET appendonly yes` and write "
                "it into redis.conf, or accept the loss with SPANE_ALLOW_UNSAFE_REDIS=persistence",
            )
        )
    elif snapshots is None:
        warnings.append(
            _doubt("persistence", "AOF is off and CONFIG is forbidden, so snapshots could not be checked; turn AOF on")
        )
    else:
        warnings.append(
            _doubt(
                "persistence",
                f"it keeps snapshots only (save {snapshots}), so a crash loses what came after the last one; turn AOF on",
            )
        )


def _check_role(facts: dict[str, Any], faults: list[Fault]) -> None:
    if facts.get("role") == "slave":
        primary = f"{facts.get('master_host')}:{facts.get('master_port')}"
        faults.append(_fault("replica", f"it is a read-only replica of {primary}; connect to the primary"))


def _check_cluster(client: redis.Redis, facts: dict[str, Any], prefix: str | None, faults: list[Fault]) -> None:
    mode = facts.get("redis_mode") or _hello(client).get("mode")
    if mode == "sentinel":
        faults.append(
            _fault("sentinel", "it is a Sentinel, which holds no data; connect to the primary that it watches")
        )
    elif mode == "cluster" and not _serves(client, prefix):
        faults.append(
            _fault(
                "cluster",
                "it is a node of a cluster that spreads keys over several nodes, and not the one that SPANE's slot is "
                "on; use a Redis with cluster mode off, or connect to the node that holds the slot",
            )
        )


def _check_permissions(client: redis.Redis, prefix: str, faults: list[Fault]) -> None:
    """Find what the user may not do, by asking from inside a function, which runs with that user's rights."""
    if _hello(client).get("server") == "fakeredis":
        return
    try:
        refused = _not_allowed(client, prefix)
    except redis.exceptions.OutOfMemoryError:
        return  # nothing can be loaded just now, and that is no matter of rights
    except redis.ResponseError as error:
        if not is_refused(error):
            raise translate(error) from error
        refused = [f"{str(error).rstrip('.')}, asked for on the keys {prefix}*"]
    except redis.RedisError as error:
        raise translate(error) from error
    if refused:
        user = _ask(client.acl_whoami)
        named = f" {user.decode() if isinstance(user, bytes) else user!s}" if user else ""
        faults.append(
            _fault(
                "acl",
                f"its user{named} may not do what SPANE needs ({'; '.join(refused[:5])}"
                f"{f'; and {len(refused) - 5} more' if len(refused) > 5 else ''}); give it the rights by the line "
                "`ACL SETUSER ...` that the page on running on Redis has",
            )
        )


def _not_allowed(client: redis.Redis, prefix: str) -> list[str]:
    """Return the commands that the user may not call, with what they are called on."""
    script = scripts.load()["allowed"]
    ours, theirs = f"{prefix}suitable", f"{_DRAMATIQ}:suitable"
    # Every word behind a command is a key, so that each is looked at wherever the command has its keys.
    asked = [
        *(f"{name} {ours} {ours} {ours}" for name in (*sorted(scripts.commands() - {"LMPOP", "TIME"}), *_ON_OUR_KEYS)),
        f"LMPOP 1 {ours} LEFT",
        f"XREAD STREAMS {ours} 0",
        *_ON_NO_KEY,
        f"EVALSHA x 1 {_DRAMATIQ}",
        *(f"{name} {theirs} {theirs} {theirs}" for name in _ON_DRAMATIQ_KEYS),
    ]
    call = (*script.calling, 1, prefix, *(command.replace(" ", "\n") for command in asked))
    try:
        refused: Any = client.execute_command(*call)
    except redis.ResponseError as error:
        if not scripts.is_missing(error):
            raise
        _load(client, script)
        refused = client.execute_command(*call)
    told = (text.decode().split("\n") for text in refused)
    return [f"{words[0]} on {words[1]}" if words[-1].endswith("suitable") else " ".join(words) for words in told]


def _load(client: redis.Redis, script: scripts.Script) -> None:
    try:
        client.execute_command(*script.loading)
    except redis.ResponseError as error:
        if not scripts.is_there_already(error):
            raise


def _serves(client: redis.Redis, prefix: str | None) -> bool:
    """Tell whether all keys that begin with `prefix` (one hash tag) are on this node of a cluster."""
    if prefix is None:
        return False
    try:
        client.exists(f"{prefix}suitable")
    except MovedError:
        return False
    except redis.RedisError as error:
        raise translate(error) from error
    return True


def _configured(client: redis.Redis, name: str) -> str | None:
    answer = _ask(lambda: client.config_get(name))
    value = None if answer is None else answer.get(name, answer.get(name.encode()))
    return value.decode() if isinstance(value, bytes) else value


def _hello(client: redis.Redis) -> dict[str, Any]:
    # HELLO needs no permission beyond being connected; without an argument it changes nothing.
    answer = _ask(lambda: client.execute_command("HELLO"))
    if not isinstance(answer, list):
        return {}
    texts = [part.decode() if isinstance(part, bytes) else part for part in answer]
    return dict(zip(texts[::2], texts[1::2], strict=False))


def _ask(question: Callable[[], Any]) -> Any:
    """Return the answer, or None where this Redis does not allow or know the command."""
    try:
        return question()
    except redis.ResponseError:
        return None
    except redis.RedisError as error:
        raise translate(error) from error


def _fault(code: str, message: str) -> Fault:
    return Fault(code, message, "Redis")


def _doubt(code: str, message: str) -> Fault:
    return Fault(code, message, "Redis")
