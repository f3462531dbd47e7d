"""Clients time out and retry as intended, however they are made, and errors become SPANE's."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import closing, contextmanager

import pytest
import redis
from redis import exceptions
from redis.connection import SSLConnection, UnixDomainSocketConnection

from spane.errors import StoreError, StoreFull, StoreUnavailable, StoreUnsuitable
from spane.runtime.clients import blocking_client, command_client, translate


@contextmanager
def counting_listener():
    """A server that closes every connection at once; yields its port and a list that grows by one for each."""
    accepted = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                accepted.append(1)
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1], accepted
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("make", [command_client, blocking_client])
@pytest.mark.parametrize("query", ["", "?retry_on_timeout=true"])
def test_a_lost_connection_is_not_retried(make, query):
    with counting_listener() as (port, accepted):
        with make(f"redis://127.0.0.1:{port}/0{query}") as client, pytest.raises(redis.ConnectionError):
            client.ping()
        assert len(accepted) == 1


def test_retries_happen_where_they_are_asked_for():
    with counting_listener() as (port, accepted):
        with command_client(f"redis://127.0.0.1:{port}", retries=2) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        assert len(accepted) > 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://u:p%40@h:6380/3", {"host": "h", "port": 6380, "db": 3, "username": "u", "password": "p@"}),
        ("valkey://h/1", {"host": "h", "db": 1}),
        ("rediss://h?ssl_cert_reqs=none", {"connection_class": SSLConnection, "host": "h", "ssl_cert_reqs": "none"}),
        ("valkeys://h", {"connection_class": SSLConnection}),
        (
            "unix:///tmp/a%20b.sock?db=2",
            {"connection_class": UnixDomainSocketConnection, "path": "/tmp/a b.sock", "db": 2},
        ),
        ("redis://h?max_connections=7", {"max_connections": 7}),
        ("redis://h?protocol=3&decode_responses=yes", {"protocol": 2, "decode_responses": False}),
        (
            "redis://h",
            {"socket_timeout": 3.0, "socket_connect_timeout": 3.0, "protocol": 2, "health_check_interval": 0},
        ),
        (
            "redis://h?socket_timeout=20&socket_connect_timeout=1",
            {"socket_timeout": 20.0, "socket_connect_timeout": 1.0},
        ),
    ],
)
def test_a_url_says_where_redis_is_and_cannot_unpin_what_matters(url, expected):
    with command_client(url) as client:
        pool = client.connection_pool
        found = {
            **pool.connection_kwargs,
            "connection_class": pool.connection_class,
            "max_connections": pool.max_connections,
        }
        assert {name: found[name] for name in expected} == expected


def test_a_blocking_client_waits_longer_than_its_command():
    with blocking_client("redis://h", block_s=8) as client:
        assert client.connection_pool.connection_kwargs["socket_timeout"] == 13.0


def test_a_url_that_is_none_is_refused_without_its_secrets():
    with pytest.raises(StoreUnavailable, match=r"'http://\*\*\*@h' is no URL of a Redis") as caught:
        command_client("http://u:hush@h")
    assert "hush" not in str(caught.value)


@pytest.mark.redis
def test_commands_and_blocking_commands_run_over_a_unix_socket(redis_url):
    with command_client(redis_url) as client, blocking_client(redis_url, block_s=1) as waiting:
        client.rpush("list", "x")
        assert waiting.blpop(["list"], 1) == (b"list", b"x")
        assert waiting.blpop(["list"], 0.05) is None


@pytest.mark.redis
def test_a_server_that_hangs_is_noticed_in_time(start_server):
    server = start_server()
    with command_client(server.url, timeout_s=0.2) as client:
        client.ping()
        server.send(signal.SIGSTOP)
        with pytest.raises(redis.TimeoutError) as caught:
            client.set("a", 1)
    assert isinstance(translate(caught.value), StoreUnavailable)
    assert "may or may not have been done" in str(translate(caught.value))


@pytest.mark.redis
def test_a_client_finds_a_server_again_that_was_killed_and_restarted(each_server):
    with command_client(each_server.url) as client:
        client.set("kept", "1")
        client.execute_command("WAITAOF", 1, 0, 2000) if each_server.path.endswith("valkey-server") else None
        each_server.kill()
        with pytest.raises(redis.ConnectionError) as caught:
            client.get("kept")
        assert "Redis cannot be reached" in str(translate(caught.value))
        each_server.start()
        assert client.get("kept") == b"1"


# --- errors of real servers ------------------------------------------------------------------------------------------


def error_of(client: redis.Redis, *command: object) -> StoreError:
    with pytest.raises(redis.RedisError) as caught:
        client.execute_command(*command)
    return translate(caught.value)


@pytest.mark.redis
def test_a_full_redis_is_store_full(start_server):
    client = start_server(maxmemory="1mb").client()
    error = error_of(client, "SET", "a", "x" * 2_000_000)
    assert type(error) is StoreFull
    assert str(error).startswith("Redis is out of memory (maxmemory), so nothing was started")
    in_script = error_of(client, "EVAL", "#!lua\nreturn redis.call('SET', KEYS[1], 'x')", 1, "a")
    assert type(in_script) is StoreFull


@pytest.mark.redis
def test_a_replica_is_unavailable(start_server):
    error = error_of(start_server(replicaof="127.0.0.1 1").client(), "SET", "a", 1)
    assert type(error) is StoreUnavailable
    assert "read-only replica now, as after a failover" in str(error)


@pytest.mark.redis
def test_a_wrong_password_is_said(start_server):
    server = start_server()
    server.client().execute_command("CONFIG", "SET", "requirepass", "right")
    with command_client(f"{server.url}?password=hush") as client:
        error = error_of(client, "PING")
    assert type(error) is StoreUnavailable
    assert "Check user and password in SPANE_REDIS_URL" in str(error)
    assert "hush" not in str(error)


@pytest.mark.redis
@pytest.mark.parametrize(
    ("prepare", "command", "kind", "message"),
    [
        ((), ("EVALSHA", "0" * 40, 0), StoreUnavailable, "it has forgotten SPANE's functions"),
        ((), ("FCALL", "spane_none", 0), StoreUnavailable, "it has forgotten SPANE's functions"),
        (("SET", "a", "1"), ("LPUSH", "a", "1"), StoreUnsuitable, "set SPANE_NAMESPACE"),
        ((), ("NO_SUCH_COMMAND",), StoreUnsuitable, "Redis 7.0 or newer or Valkey is required"),
        ((), ("SET", "a"), StoreError, "Redis answered with an error: wrong number of arguments"),
        ((), ("EVAL", "return redis.call('LPUSH', 'a')", 0), StoreError, "Redis answered with an error: "),
    ],
)
def test_error_replies_are_translated(redis_client, prepare, command, kind, message):
    if prepare:
        redis_client.execute_command(*prepare)
    error = error_of(redis_client, *command)
    assert type(error) is kind
    assert message in str(error)


@pytest.mark.redis
def test_a_command_that_the_acl_forbids_is_said(start_server):
    server = start_server()
    server.client().execute_command("ACL", "SETUSER", "default", "-set")
    error = error_of(server.client(), "SET", "a", "1")
    assert type(error) is StoreUnsuitable
    assert "allow it in the ACL" in str(error)


@pytest.mark.redis
@pytest.mark.parametrize(
    ("rule", "script"), [("-time", "return redis.call('TIME')"), ("~a", "return redis.call('GET', 'b')")]
)
def test_a_command_that_the_acl_forbids_inside_a_script_is_said(each_server, rule, script):
    each_server.client().execute_command("ACL", "SETUSER", "default", "resetkeys", "~a", rule)
    error = error_of(each_server.client(), "EVAL", script, 0)
    assert type(error) is StoreUnsuitable
    assert "allow it in the ACL, `spane check` says which" in str(error)


@pytest.mark.redis
def test_a_user_who_is_turned_off_is_told_in_one_sentence(start_server):
    server = start_server()
    server.client().execute_command("ACL", "SETUSER", "ada", "off", ">hush")
    with command_client(f"unix://ada:hush@{server.socket}") as client:
        error = error_of(client, "PING")
    assert type(error) is StoreUnavailable
    assert ".." not in str(error)
    assert ". Check user and password in SPANE_REDIS_URL" in str(error)


@pytest.mark.redis
def test_a_node_of_a_cluster_without_the_slot_is_unsuitable(start_server):
    error = error_of(start_server(cluster_enabled="yes").client(), "SET", "a", "1")
    assert isinstance(error, StoreUnavailable)
    assert "its cluster is down" in str(error)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
            StoreUnavailable,
            "still loading its data",
        ),
        (exceptions.ResponseError("LOADING Redis is loading"), StoreUnavailable, "still loading its data"),
        (
            exceptions.ResponseError("MISCONF Redis is configured to save"),
            StoreUnavailable,
            "cannot write its data to disk",
        ),
        (exceptions.ResponseError("MASTERDOWN Link with MASTER is down"), StoreUnavailable, "lost its primary"),
        (exceptions.ResponseError("BUSY Redis is busy running a script"), StoreUnavailable, "busy with a script"),
        (exceptions.ResponseError("OOM command not allowed"), StoreFull, "out of memory"),
        (exceptions.ResponseError("READONLY You can't write"), StoreUnavailable, "read-only replica"),
        (exceptions.ResponseError("NOREPLICAS Not enough"), StoreUnavailable, "too few of its replicas"),
        (exceptions.MovedError("1 10.0.0.1:6379"), StoreUnsuitable, "Redis runs as a cluster of several nodes"),
        (exceptions.TimeoutError("Timeout reading"), StoreUnavailable, "did not answer in time"),
        (TimeoutError("timed out"), StoreUnavailable, "did not answer in time"),
        (exceptions.MaxConnectionsError("Too many connections"), StoreUnavailable, "cannot be reached: Too many"),
        (BrokenPipeError("Broken pipe"), StoreUnavailable, "cannot be reached: Broken pipe. Start it"),
        (exceptions.ResponseError("some text"), StoreError, "answered with an error: some text"),
    ],
)
def test_every_kind_of_error_has_its_translation(error, kind, message):
    translated = translate(error)
    assert type(translated) is kind
    assert message in str(translated)


def test_an_error_of_the_store_stays_itself():
    error = StoreFull("full")
    assert translate(error) is error
