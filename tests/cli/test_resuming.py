import signal
import subprocess

from tests.cli.conftest import interrupt


def running(start, pipes):
    """Start `held` and return when its second node runs."""
    process = start("run", "shop.py:held", f"folder={pipes}")
    (pipes / "at").open().close()
    return process


def let_go(pipes):
    with (pipes / "go").open("w"):
        pass


def test_a_killed_run_goes_on_when_it_is_started_again(start, run, pipes):
    process = running(start, pipes)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    (pipes / "free").touch()
    done = run("run", "shop.py:held", f"folder={pipes}")
    assert (0, "held before\n") == (done.returncode, done.stdout)
    assert "which had not ended (1 of 2 nodes are done). --new starts another." in done.stderr
    assert "x" == (pipes / "first").read_text()


def test_ctrl_c_lets_what_runs_finish_and_says_how_to_go_on(start, run, pipes):
    process = running(start, pipes)
    process.send_signal(signal.SIGINT)
    assert "Stopping. What runs may finish; Ctrl-C again stops at once.\n" == process.stderr.readline()
    let_go(pipes)
    _, told = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert "is kept; run the same command again to go on with it." in told


def test_a_second_ctrl_c_ends_at_once(start, run, pipes):
    process = running(start, pipes)
    process.send_signal(signal.SIGINT)
    process.stderr.readline()
    out, _ = interrupt(process)
    assert (130, "") == (process.returncode, out)
    (pipes / "free").touch()
    done = run("run", "shop.py:held", f"folder={pipes}")
    assert (0, "held before\n") == (done.returncode, done.stdout)


def test_sigterm_is_taken_as_ctrl_c(start, pipes):
    process = running(start, pipes)
    process.send_signal(signal.SIGTERM)
    process.stderr.readline()
    let_go(pipes)
    process.communicate(timeout=60)
    assert 130 == process.returncode


def test_other_inputs_and_new_start_another_execution_and_the_first_goes_on_beside_it(start, run, pipes):
    process = running(start, pipes)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    (pipes / "free").touch()
    done = run("run", "shop.py:numbers", "n=1")
    assert "Going on beside this with an execution that had not ended" in done.stderr
    done = run("run", "shop.py:held", f"folder={pipes}", "--new")
    assert (0, "held before\n") == (done.returncode, done.stdout)


def test_in_memory_nothing_is_kept_and_that_is_said(start, pipes):
    process = start("run", "shop.py:held", f"folder={pipes}", "--store", "memory")
    (pipes / "at").open().close()
    _, told = interrupt(process)
    assert 130 == process.returncode
    assert "in memory only and is gone" in told


def test_two_runs_in_one_folder_share_the_store(start, run, pipes):
    process = running(start, pipes)
    assert 0 == run("run", "shop.py:numbers", "n=1").returncode
    let_go(pipes)
    out, _ = process.communicate(timeout=60)
    assert 0 == process.returncode, subprocess.list2cmdline(process.args)
    assert 37 == len(out)


def test_a_killed_run_goes_on_without_waiting_for_its_lease(start, run, pipes):
    # The lease outlasts the test, which fails by its timeout if it is waited for.
    process = start("run", "shop.py:held", f"folder={pipes}", SPANE_LEASE_S="3600")
    (pipes / "at").open().close()
    process.kill()
    process.wait(timeout=20)
    (pipes / "free").touch()
    done = run("run", "shop.py:held", f"folder={pipes}", SPANE_LEASE_S="3600")
    assert (0, "held before\n") == (done.returncode, done.stdout)


def test_a_run_that_lives_keeps_its_nodes_when_others_come_and_go(start, run, pipes):
    process = start("run", "shop.py:held", f"folder={pipes}", "--events")
    (pipes / "at").open().close()
    for _ in range(2):
        assert 0 == run("run", "shop.py:numbers", "n=1").returncode
    let_go(pipes)
    out, _ = process.communicate(timeout=60)
    assert (0, 0) == (process.returncode, out.count("node_lost"))
