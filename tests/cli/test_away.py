"""A Redis that goes away while `spane run` watches."""

import json
import re
import signal

import pytest

from spane import Engine, node, workflow
from spane.cli import commands
from spane.cli.watching import Watch
from spane.errors import StoreUnavailable

pytestmark = pytest.mark.redis


@node
def nothing() -> int:
    return 1


@workflow
def idle() -> int:
    return nothing()


def test_a_redis_that_restarts_is_waited_for_and_that_is_said_once(start, pipes, start_server):
    server = start_server()
    process = start("run", "shop.py:held", f"folder={pipes}", "--work", "--store", server.url)
    first = process.stderr.readline()
    execution = re.fullmatch(r"Execution (\S+) of held\.\n", first)[1]
    (pipes / "at").open().close()
    server.stop()
    line = process.stderr.readline()
    while "Waiting" not in line:
        line = process.stderr.readline()
    assert re.search(r"Redis .*\. Waiting until it is back; Ctrl-C ends the waiting\.\n", line)
    server.start()
    while "back" not in line or "Waiting" in line:
        line = process.stderr.readline()
    assert "The store is back.\n" == line
    (pipes / "go").open("w").close()
    out, told = process.communicate(timeout=60)
    assert (0, f"{execution}\n") == (process.returncode, out)
    assert "Waiting" not in told


def test_ctrl_c_while_redis_is_away_tells_the_execution_and_how_to_watch_it_again(start, start_server):
    server = start_server()
    process = start("run", "shop.py:numbers", "n=1", "--store", server.url, "--json")
    execution = process.stderr.readline().split()[1]
    server.kill()
    assert "Waiting until it is back" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert 130 == process.returncode
    command = f"spane run shop.py:numbers --store {server.url} --follow {execution}"
    assert f"Execution {execution} goes on with its workers; watch it again: {command}\n" in told
    document = json.loads(out)
    assert (execution, None) == (document["execution"], document["status"])
    assert command in document["message"]


def test_a_redis_that_has_lost_the_execution_ends_the_watching(start, start_server):
    server = start_server()
    process = start("run", "shop.py:numbers", "n=1", "--store", server.url)
    execution = process.stderr.readline().split()[1]
    server.client().flushall()
    _, told = process.communicate(timeout=60)
    assert 4 == process.returncode
    assert f"Execution '{execution}' is in the store no more: the store has lost data" in told
    assert f"--follow {execution}\n" in told


def test_a_redis_that_stays_away_is_given_up(start_server):
    server = start_server()
    with Engine(server.url) as engine:
        watch = Watch(engine, engine.start(idle), patience_s=0.2)
        turns = watch.turns()
        assert (None, "execution_started") == ((turn := next(turns))[0], turn[1][0].kind)
        server.kill()
        assert (None, []) == next(turns)
        assert isinstance(watch.away, StoreUnavailable)
        with pytest.raises(StoreUnavailable, match="It has been away for 0 s; nobody waits any longer"):
            for _ in turns:
                pass
        server.start()


def test_a_secret_is_not_repeated_in_a_command():
    told = commands.follow("shop.py", "1-2", store="redis://ada:secret@host/0")
    assert (
        "spane run shop.py --store 'redis://***@host/0' --follow 1-2  (with your user and password in place of ***)"
        == told
    )
