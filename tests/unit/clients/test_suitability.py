"""A Redis that would lose data is refused, and what cannot be checked is said."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import get_args

import fakeredis
import pytest

from spane.errors import StoreUnavailable, StoreUnsuitable
from spane.runtime.clients import command_client
from spane.runtime.suitability import OVERRIDABLE, examine, require_suitable
from spane.settings import UnsafeName

REDIS_PAGE = Path(__file__).parents[3] / "docs" / "redis.md"


def codes(faults):
    return [fault.code for fault in faults]


def test_settings_know_what_may_be_overridden():
    assert set(get_args(UnsafeName)) == OVERRIDABLE


@pytest.mark.redis
def test_a_safe_redis_and_a_safe_valkey_have_no_faults(each_server):
    assert examine(each_server.client()) == ([], [])
    require_suitable(each_server.client())


@pytest.mark.redis
def test_all_that_is_unsafe_is_told_at_once(start_server):
    client = start_server(appendonly="no", maxmemory_policy="allkeys-lru").client()
    with pytest.raises(StoreUnsuitable) as caught:
        require_suitable(client)
    assert codes(caught.value.faults) == ["eviction", "persistence"]
    message = str(caught.value)
    assert "its maxmemory-policy is allkeys-lru" in message
    assert "CONFIG SET maxmemory-policy noeviction" in message
    assert "SPANE_ALLOW_UNSAFE_REDIS=eviction" in message
    assert "it keeps nothing on disk" in message
    assert "SPANE_ALLOW_UNSAFE_REDIS=persistence" in message


@pytest.mark.redis
def test_a_fault_can_be_accepted_by_its_name(start_server):
    client = start_server(appendonly="no", maxmemory_policy="volatile-ttl").client()
    require_suitable(client, allow={"eviction", "persistence"})
    with pytest.raises(StoreUnsuitable) as caught:
        require_suitable(client, allow={"persistence"})
    assert codes(caught.value.faults) == ["eviction"]


@pytest.mark.redis
def test_a_replica_cannot_be_accepted(start_server):
    client = start_server(replicaof="127.0.0.1 1").client()
    with pytest.raises(StoreUnsuitable, match=r"read-only replica of 127\.0\.0\.1:1; connect to the primary"):
        require_suitable(client, allow={"replica", "eviction", "persistence"})


@pytest.mark.redis
def test_snapshots_alone_are_a_warning(start_server, caplog):
    client = start_server(appendonly="no", save="3600 1").client()
    faults, warnings = examine(client)
    assert (codes(faults), codes(warnings)) == ([], ["persistence"])
    with caplog.at_level(logging.WARNING, "spane.store"):
        require_suitable(client)
    assert "it keeps snapshots only (save 3600 1)" in caplog.text


@pytest.mark.redis
def test_a_node_of_a_cluster_is_refused_unless_it_holds_the_slot(start_server):
    server = start_server(cluster_enabled="yes")
    client = server.client()
    assert codes(examine(client)[0]) == ["cluster"]
    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    assert codes(examine(client)[0]) == ["cluster"]
    while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
        pass
    assert examine(client, prefix="s:{0}:") == ([], [])


@pytest.mark.redis
def test_a_sentinel_is_refused(start_server):
    server = start_server()
    server.stop()
    (server.folder / "sentinel.conf").write_text("")

    with subprocess.Popen(
        [
            server.path,
            str(server.folder / "sentinel.conf"),
            "--sentinel",
            "--port",
            "0",
            "--unixsocket",
            str(server.socket),
        ],
        stdout=subprocess.DEVNULL,
    ) as process:
        server._process = process
        server.wait_until_up()
        faults, _ = examine(server.client())
        server.kill()
    assert "sentinel" in codes(faults)


@pytest.mark.redis
def test_what_may_not_be_read_is_a_warning(start_server):
    server = start_server()
    server.client().execute_command("ACL", "SETUSER", "default", "-info", "-config")
    assert examine(server.client())[0] == []
    assert codes(examine(server.client())[1]) == ["info", "eviction"]
    server = start_server(appendonly="no")
    server.client().execute_command("ACL", "SETUSER", "default", "-config")
    faults, warnings = examine(server.client())
    assert (faults, codes(warnings)) == ([], ["persistence"])
    assert "CONFIG is forbidden, so snapshots could not be checked" in str(warnings[0])


def as_user(server, *rules):
    """Return a client of a user who may do what the rules say."""
    server.client().execute_command("ACL", "SETUSER", "spane", "reset", "on", ">secret", *rules)
    return command_client(f"unix://spane:secret@{server.socket}")


@pytest.mark.redis
@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ("~* +@all -@scripting", "fcall"),
        ("~* +@all -function|load", "function|load"),
        ("~* +@read +@write +@connection +@blocking +@scripting +info +config|get", "(TIME)"),
        ("~* +@all -hset", "(HSET on s:{0}:suitable; HSET on dramatiq:suitable)"),
        ("~s:* ~dramatiq:* +@all", "(EVALSHA x 1 dramatiq)"),
        ("~dramatiq ~dramatiq:* +@all", "s:{0}:"),
    ],
)
def test_a_user_who_may_not_do_what_the_transitions_do_is_a_fault(each_server, rules, missing):
    [fault] = examine(as_user(each_server, *rules.split()))[0]
    assert "acl" == fault.code
    assert missing in fault.message
    assert "give it the rights by the line `ACL SETUSER ...`" in fault.message


@pytest.mark.redis
def test_the_rights_are_looked_at_again_when_the_functions_are_there(start_server):
    server = start_server()
    assert ([], []) == examine(server.client())
    assert ["acl"] == codes(examine(as_user(server, "~*", "+@all", "-function|load"))[0])


@pytest.mark.redis
def test_the_rights_that_the_page_gives_suffice(each_server):
    line = next(line.split() for line in REDIS_PAGE.read_text().splitlines() if "ACL SETUSER spane" in line)
    assert ["ACL", "SETUSER", "spane", "on", ">secret"] == line[:5]
    assert ([], []) == examine(as_user(each_server, *line[5:]))


@pytest.mark.parametrize(
    ("version", "found"), [("6.2.14", ["version"]), ("7.0.0", []), ("7.2.4", []), ("8.4.1", []), ("10.0", [])]
)
def test_redis_older_than_seven_is_refused(version, found):
    class Old(fakeredis.FakeRedis):
        def info(self, *sections):
            return {
                "redis_version": version,
                "aof_enabled": 1,
                "maxmemory_policy": "noeviction",
                "redis_mode": "standalone",
            }

    faults, _ = examine(Old(protocol=2))
    assert codes(faults) == found
    assert all(
        f"it is version {version}; upgrade to Redis 7.0 or newer, or to Valkey" in str(fault) for fault in faults
    )


def test_a_version_that_cannot_be_read_is_a_warning():
    class Odd(fakeredis.FakeRedis):
        def info(self, *sections):
            return {
                "redis_version": "next",
                "aof_enabled": 1,
                "maxmemory_policy": "noeviction",
                "redis_mode": "standalone",
            }

    assert codes(examine(Odd(protocol=2))[1]) == ["version"]


def test_a_redis_in_memory_is_not_refused():
    assert examine(fakeredis.FakeRedis(protocol=2))[0] == []


def test_a_redis_that_is_not_there_is_unavailable():
    with (
        command_client("unix:///nowhere/redis.sock") as client,
        pytest.raises(StoreUnavailable, match="cannot be reached"),
    ):
        examine(client)
