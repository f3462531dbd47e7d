import json

UNSTEADY = """
import itertools
from spane import node, workflow

calls = itertools.count()

@node
def a(x: int) -> int:
    return x

@node
def b(x: int) -> int:
    return x

@workflow
def unsteady() -> int:
    return a(next(calls))

@workflow
def growing() -> int:
    x = a(1)
    return b(x) if next(calls) % 2 else x

@workflow
def raising() -> int:
    raise RuntimeError("at wiring")
"""


def test_what_is_fine_is_said_to_be(run):
    done = run("check", "shop.py:pack")
    assert 0 == done.returncode
    assert [
        "settings: fine",
        "store embedded in .spane: fine",
        "workflow shop.py:pack: fine",
    ] == done.stdout.splitlines()


def test_every_workflow_of_every_file_is_checked(run):
    told = json.loads(run("check", "shop.py", "--store", "memory", "--json").stdout)
    names = [entry["which"] for entry in told["checked"] if entry["what"] == "workflow"]
    assert told["ok"]
    assert {"shop.py:pack", "shop.py:wobbly", "shop.py:mixed"} <= set(names)


def test_all_faults_come_at_once(run, folder):
    (folder / "faulty.py").write_text(
        "from spane import node, workflow\n\n@node\ndef a(x: int) -> int: ...\n\n"
        "@workflow\ndef one() -> int:\n    return a('text')\n\n@workflow\ndef two() -> int:\n    return a()\n"
    )
    done = run("check", "faulty.py", "nowhere.py", SPANE_LEASE_S="-1", SPANE_RENEW_S="x")
    assert 2 == done.returncode
    for expected in (
        "settings: 2 faults",
        "SPANE_LEASE_S",
        "SPANE_RENEW_S",
        "faulty.py:one: 1 fault",
        "faulty.py:two: 1 fault",
        "there is no file 'nowhere.py'",
    ):
        assert expected in done.stdout


def test_a_body_that_gives_another_graph_each_time_is_found(run, folder):
    (folder / "unsteady.py").write_text(UNSTEADY)
    done = run("check", "unsteady.py", "--store", "memory")
    assert 2 == done.returncode
    assert "its body gave two different graphs: node 'a' was given something else" in done.stdout
    assert "its body gave two different graphs: node 'b' was there the" in done.stdout
    assert "A body must not read the clock, random numbers, files or the environment" in done.stdout


def test_a_body_that_raises_is_a_fault(run, folder):
    (folder / "unsteady.py").write_text(UNSTEADY)
    done = run("check", "unsteady.py:raising", "--store", "memory")
    assert 2 == done.returncode
    assert "raised RuntimeError: at wiring" in done.stdout


def test_a_redis_that_cannot_be_reached_is_a_fault_with_its_own_exit_code(run):
    done = run("check", "shop.py:pack", SPANE_REDIS_URL="redis://user:secret@localhost:1/0")
    assert 4 == done.returncode
    assert "Redis cannot be reached" in done.stdout
    assert "workflow shop.py:pack: fine" in done.stdout
    assert "secret" not in done.stdout


def test_a_redis_that_would_lose_data_is_a_fault(run, start_server):
    server = start_server(appendonly="no", maxmemory_policy="allkeys-lru")
    done = run("check", SPANE_REDIS_URL=server.url)
    assert 4 == done.returncode
    assert "2 faults" in done.stdout
    assert "maxmemory-policy is allkeys-lru" in done.stdout
    assert "keeps nothing on disk" in done.stdout
    assert 0 == run("check", SPANE_REDIS_URL=server.url, SPANE_ALLOW_UNSAFE_REDIS="eviction,persistence").returncode
