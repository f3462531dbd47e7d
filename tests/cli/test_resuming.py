import json
import re
import shlex
import signal
import subprocess

from spane.cli import commands
from tests.cli.conftest import interrupt


def running(start, pipes, *options):
    """Start `held` and return when its second node runs."""
    process = start("run", "shop.py:held", f"folder={pipes}", *options)
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
    command = re.search(r"is kept; go on with it: spane (run shop.py:held --follow \S+)\n", told)[1]
    assert f"{command.split()[-1]}\n" == run(*command.split()).stdout


def test_the_document_of_an_interrupted_run_tells_how_things_stand_after_the_stop(start, pipes):
    process = running(start, pipes, "--json")
    process.send_signal(signal.SIGINT)
    process.stderr.readline()
    let_go(pipes)
    out, _ = process.communicate(timeout=60)
    told = json.loads(out)
    assert (130, "completed", "succeeded") == (process.returncode, told["status"], told["nodes"]["hold"]["state"])
    assert (told["execution"], None) == (told["result"], told["error"])


def test_a_run_that_is_ended_at_once_prints_its_document_too(start, pipes):
    process = running(start, pipes, "--json")
    process.send_signal(signal.SIGINT)
    process.stderr.readline()
    out, _ = interrupt(process)
    told = json.loads(out)
    assert (130, "running", "running") == (process.returncode, told["status"], told["nodes"]["hold"]["state"])
    assert "builtins:KeyboardInterrupt" == told["error"]["type"]


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
    assert ".spane holds 1 other execution that earlier runs left unfinished:\n" in done.stderr
    assert re.search(r"  \S+ of held \(1 of 2 nodes done\) goes on while this one runs\.\n", done.stderr)
    assert re.search(
        r"\S+ of held .* (has meanwhile completed|is still unfinished; finish it: spane run .*)\.?\n", done.stderr
    )
    done = run("run", "shop.py:held", f"folder={pipes}", "--new")
    assert (0, "held before\n") == (done.returncode, done.stdout)


def test_what_another_file_left_is_named_with_the_commands_that_finish_or_cancel_it(start, run, pipes, folder):
    process = running(start, pipes)
    process.kill()
    process.wait(timeout=20)
    (folder / "other.py").write_text(
        "from spane import node, workflow\n\n@node\ndef one() -> int:\n    return 1\n\n"
        "@workflow\ndef other() -> int:\n    return one()\n"
    )
    told = run("run", "other.py").stderr
    assert "of held (1 of 2 nodes done) is left: its code is not loaded here.\n" in told
    cancel = re.search(r"cancel it: spane (.*)\n", told)[1]
    finish = re.search(r"finish it: spane (.*)\n", told)[1]
    (pipes / "free").touch()
    done = run(*shlex.split(finish))
    assert (0, "held before\n") == (done.returncode, done.stdout)
    assert "" == run("run", "other.py").stderr
    # It is found, and is completed by now.
    assert "it is completed" in run(*shlex.split(cancel)).stderr


def test_what_is_cancelled_by_the_command_that_was_told_is_left_over_no_more(start, run, pipes, folder):
    process = running(start, pipes)
    process.kill()
    process.wait(timeout=20)
    (folder / "other.py").write_text(
        "from spane import node, workflow\n\n@node\ndef one() -> int:\n    return 1\n\n"
        "@workflow\ndef other() -> int:\n    return one()\n"
    )
    cancel = re.search(r"cancel it: spane (.*)\n", run("run", "other.py").stderr)[1]
    assert 0 == run(*shlex.split(cancel)).returncode
    assert "" == run("run", "other.py").stderr


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


def test_a_run_that_waits_for_an_event_says_how_to_signal_it(start, run):
    process = start("run", "shop.py:approval", "--json")
    told = next(line for line in process.stderr if "waits for" in line)
    command = re.fullmatch(r"Node 'approved' waits for event 'approved': spane (signal \S+ approved DATA)\n", told)[1]
    signalled = run(*command.replace("DATA", "yes").split())
    assert "approved is taken\n" == signalled.stdout
    out, told = process.communicate(timeout=60)
    assert (0, "yes at try 2") == (process.returncode, json.loads(out)["result"]), told


def test_commands_name_a_folder_or_a_store_that_is_not_the_usual_one():
    assert "spane cancel an-id" == commands.cancel("an-id", folder=".spane", store=None)
    assert "SPANE_EMBEDDED_PATH='my store' spane cancel an-id --store embedded" == commands.cancel(
        "an-id", folder="my store", store="embedded"
    )
    url = "redis://ada:secret@shop:6379/0"
    assert (
        "spane signal an-id decided DATA --store 'redis://***@shop:6379/0'  (with your user and password in place of ***)"
        == commands.signal("an-id", "decided", folder=None, store=url)
    )
