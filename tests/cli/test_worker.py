import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from spane import Engine
from spane.cli.exits import Exit
from spane.cli.supervisor import _end_with_parent, _Supervisor
from tests.cli.conftest import environment

pytestmark = pytest.mark.redis


def children(pid):
    """Return the ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        time.sleep(0.02)
    return found


def test_a_worker_runs_what_was_started_elsewhere(run, start, redis_url):
    worker = start("worker", "shop.py", "-p", "1", "-t", "2", SPANE_REDIS_URL=redis_url)
    done = run("run", "shop.py:numbers", "n=4", SPANE_REDIS_URL=redis_url)
    assert (0, 8) == (done.returncode, json.loads(done.stdout)["twice"])
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert 0 == worker.returncode


def test_there_are_as_many_processes_as_asked_for_and_options_reach_dramatiq(start, redis_url):
    worker = start("worker", "shop", "-Q", "default", "-p", "2", "-t", "3", SPANE_REDIS_URL=redis_url)
    masters = wait_until(lambda: len(found := children(worker.pid)) == 2 and found)
    command = Path(f"/proc/{masters[0]}/cmdline").read_text().split("\0")
    assert ["dramatiq", "spane.worker", "shop", "-Q", "default", "--processes", "1", "--threads", "3"] == command[2:-1]


def until_ready(worker, count=1):
    """Wait until so many processes can run nodes; a master looks after a process from then on."""
    for line in worker.stderr:
        count -= "ready for action" in line
        if not count:
            return


@pytest.mark.crash
def test_a_process_that_dies_is_back_within_two_seconds_and_its_neighbour_goes_on(start, redis_url):
    worker = start("worker", "shop", "-p", "2", "-t", "1", SPANE_REDIS_URL=redis_url)
    until_ready(worker, 2)
    masters = children(worker.pid)
    os.kill(children(masters[0])[0], signal.SIGKILL)
    killed = time.monotonic()
    replaced = wait_until(lambda: len(found := children(worker.pid)) == 2 and set(found) != set(masters) and found)
    wait_until(lambda: all(map(children, replaced)))
    assert masters[1] in replaced
    assert time.monotonic() - killed < 4  # 2 s, on a machine that does something else as well


@pytest.mark.crash
def test_a_node_that_kills_its_process_runs_again(run, start, folder, redis_url):
    start("worker", "shop", "-p", "1", "-t", "1", SPANE_REDIS_URL=redis_url)
    done = run("run", "shop.py:poison", f"folder={folder}", SPANE_REDIS_URL=redis_url)
    assert (0, "survived\n") == (done.returncode, done.stdout)


@pytest.mark.crash
def test_workers_do_not_outlive_a_supervisor_that_was_killed(start, redis_url):
    worker = start("worker", "shop", "-p", "1", "-t", "1", SPANE_REDIS_URL=redis_url)
    until_ready(worker)
    [master] = children(worker.pid)
    worker.kill()
    wait_until(lambda: not Path(f"/proc/{master}").exists())


def test_a_master_whose_supervisor_died_before_it_could_watch_ends_at_once():
    master = subprocess.run(
        [sys.executable, "-c", "pass"], preexec_fn=partial(_end_with_parent, os.getppid()), check=False
    )
    assert Exit.INTERRUPTED == master.returncode


def test_a_module_that_is_not_there_is_said_before_any_process_starts(run, folder, redis_url):
    done = run("worker", "nothing_like_this", "-p", "2", SPANE_REDIS_URL=redis_url)
    assert 2 == done.returncode
    told = f"spane: there is no file or module 'nothing_like_this' here. Modules are looked for from {folder}.\n"
    assert told == done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def (", "SyntaxError: invalid syntax"),
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
    ],
)
def test_a_module_that_cannot_be_imported_is_said_once_with_its_own_lines_only(run, folder, redis_url, text, message):
    (folder / "broken.py").write_text(text)
    done = run("worker", "broken", "-Q", "default", "-p", "2", SPANE_REDIS_URL=redis_url)
    assert 2 == done.returncode
    assert "spane: broken cannot be imported:\n" in done.stderr
    assert 1 == done.stderr.count(message)
    assert "importlib" not in done.stderr
    assert "dramatiq" not in done.stderr


def dramatiq(folder, **env):
    return subprocess.run(
        [sys.executable, "-m", "dramatiq", "spane.worker", "shop", "-p", "1"],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_plain_dramatiq_worker_says_in_one_paragraph_that_redis_is_away(folder):
    done = dramatiq(folder, SPANE_REDIS_URL="redis://localhost:1")
    assert 3 == done.returncode
    assert "spane.worker: Redis cannot be reached: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plain_dramatiq_worker_says_which_settings_are_at_fault(folder):
    done = dramatiq(folder, SPANE_LEASE_S="-1")
    assert 2 == done.returncode
    assert "spane.worker: The configuration has 1 fault:\n  - SPANE_LEASE_S: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_redis_that_is_away_is_said_before_any_process_starts(run):
    done = run("worker", "shop", SPANE_REDIS_URL="redis://localhost:1")
    assert 4 == done.returncode
    assert "Redis cannot be reached" in done.stderr


def test_a_file_of_another_folder_is_told_where_to_run(run, folder, redis_url):
    (folder / "src" / "pkg").mkdir(parents=True)
    (folder / "src" / "pkg" / "__init__.py").touch()
    (folder / "src" / "pkg" / "flows.py").touch()
    done = run("worker", "src/pkg/flows.py", SPANE_REDIS_URL=redis_url)
    assert 2 == done.returncode
    assert f"src/pkg/flows.py is module 'pkg.flows' of {folder / 'src'}" in done.stderr


def test_run_says_that_no_worker_takes_it_and_a_cancelled_execution_has_its_own_exit_code(start, redis_url):
    process = start("run", "shop.py:numbers", "n=4", SPANE_REDIS_URL=redis_url)
    assert re.fullmatch(r"Execution [0-9a-f-]{36} of numbers\.\n", process.stderr.readline())
    assert (
        "No worker has taken node 'double' from queue 'default' yet. If none is running, start one: spane worker shop\n"
        == process.stderr.readline()
    )
    with Engine(redis_url) as engine:
        [execution] = engine.executions()
        execution.cancel("not needed")
    out, told = process.communicate(timeout=60)
    assert (3, "") == (process.returncode, out)
    assert "was cancelled: not needed" in told


def test_run_can_work_here_and_watch_an_execution_that_is_there(run, redis_url):
    done = run("run", "shop.py:numbers", "n=4", "--work", "--json", SPANE_REDIS_URL=redis_url)
    execution = json.loads(done.stdout)["execution"]
    again = run("run", "shop.py:numbers", "--follow", execution, SPANE_REDIS_URL=redis_url)
    assert 8 == json.loads(again.stdout)["twice"]


def test_a_key_starts_once(run, redis_url):
    documents = [
        json.loads(
            run("run", "shop.py:numbers", "n=4", "--key", "k", "--work", "--json", SPANE_REDIS_URL=redis_url).stdout
        )
        for _ in range(2)
    ]
    assert documents[0]["execution"] == documents[1]["execution"]


def test_a_key_that_was_used_before_is_said_to_give_the_earlier_execution(run):
    first = run("run", "shop.py:numbers", "n=4", "--key", "k", "--json")
    assert "" == first.stderr
    execution = json.loads(first.stdout)["execution"]
    again = run("run", "shop.py:numbers", "n=4", "--key", "k")
    assert 8 == json.loads(again.stdout)["twice"]
    assert (
        f"Key 'k' was used before with these inputs: this is execution {execution} from then (completed), and nothing new "
        "was started.\n"
    ) == again.stderr


def test_a_parked_node_is_said_to_need_a_worker_with_its_type(run, start, folder, redis_url):
    (folder / "empty.py").touch()
    start("worker", "empty", "-p", "1", "-t", "1", SPANE_REDIS_URL=redis_url)
    process = start("run", "shop.py:numbers", "n=4", "--store", redis_url)
    assert "of numbers" in process.stderr.readline()
    told = process.stderr.readline()
    assert (
        "Node 'double' is parked: no node type 'double' is registered where it was fetched. It goes on as soon as a worker of "
        "queue 'default' has node type 'double'; start one with the module that defines it: "
        f"SPANE_REDIS_URL={redis_url} spane worker shop\n"
    ) == told
    stats = run("stats", SPANE_REDIS_URL=redis_url).stdout
    assert "workers: 1\n" in stats
    assert ["NO WORKER FITS", "double"] == [re.split("  +", line)[0] for line in stats.splitlines()[-2:]]
    start("worker", "shop", "-p", "1", "-t", "1", SPANE_REDIS_URL=redis_url)
    out, rest = process.communicate(timeout=60)
    assert (0, 8, "") == (process.returncode, json.loads(out)["twice"], rest)


def test_interrupted_on_redis_the_execution_goes_on_with_its_workers(start, redis_url):
    process = start("run", "shop.py:numbers", "n=4", SPANE_REDIS_URL=redis_url)
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert re.search(
        r"Execution (\S+) goes on with its workers; watch it again: spane run shop.py:numbers --follow \1\n", told
    )


def test_only_an_execution_of_the_named_workflow_is_followed(run, redis_url):
    done = run("run", "shop.py:numbers", "n=4", "--work", "--json", SPANE_REDIS_URL=redis_url)
    execution = json.loads(done.stdout)["execution"]
    other = run("run", "shop.py:pack", "--follow", execution, SPANE_REDIS_URL=redis_url)
    assert 2 == other.returncode
    assert f"Execution '{execution}' is one of workflow 'numbers', not of 'pack'." in other.stderr


def test_a_stop_that_comes_while_a_master_is_started_reaches_it(monkeypatch):
    start, looked_after = subprocess.Popen, _Supervisor([sys.executable, "-c", "import time; time.sleep(60)"], 1)

    def stopped_meanwhile(*arguments, **options):
        process = start(*arguments, **options)
        looked_after._stop(signal.SIGTERM, None)
        return process

    monkeypatch.setattr(subprocess, "Popen", stopped_meanwhile)
    [slot] = looked_after._slots
    looked_after._look_after(slot)
    assert -signal.SIGTERM == slot.process.wait(timeout=20)
