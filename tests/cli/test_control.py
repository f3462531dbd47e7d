"""The verbs on executions, in people's tables and in JSON, on the embedded store and on Redis."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from spane import Engine, node, workflow
from spane.cli.tables import Moment
from tests.cli.conftest import ROOT, environment


@node(delay_s=3600)
def an_hour_later() -> int:
    return 1


@workflow
def put_off_an_hour() -> int:
    return an_hour_later()


FLOWS = """
from pathlib import Path

from spane import Retry, node, workflow


@node
def prepared(n: int) -> int:
    return n


@node(retry=Retry(attempts=1))
def risky(prepared: int) -> int:
    if not Path("mended").exists():
        raise ValueError("not mended yet")
    return prepared + 1


@workflow
def adding(n: int) -> int:
    return risky(prepared(n))
"""


@pytest.fixture(params=["embedded", pytest.param("redis", marks=pytest.mark.redis)])
def spane(request, run, folder):
    """Run `spane` in a folder with flows.py, on a store; returns code, what it printed, and what it complained of."""
    (folder / "flows.py").write_text(FLOWS)
    env = {} if request.param == "embedded" else {"SPANE_REDIS_URL": request.getfixturevalue("redis_url")}
    here = ["--work"] if env else []

    def spane(*arguments: str):
        more = here if arguments[0] == "run" else []
        done = run(*arguments, *more, **env)
        return done.returncode, done.stdout, done.stderr

    assert ROOT
    return spane


@pytest.fixture
def to_run(request):
    """What an embedded store is told about an execution that goes on: nobody works there by himself."""
    if request.node.callspec.params["spane"] == "redis":
        return lambda execution, target: ""
    return lambda execution, target: f"Nothing runs it yet: spane run {target} --follow {execution}\n"


@pytest.fixture
def failed(spane):
    """The id of an execution that failed."""
    code, out, _ = spane("run", "flows.py", "n=1", "--json")
    assert 1 == code
    return json.loads(out)["execution"]


def test_a_dead_letter_is_listed_shown_retried_and_its_execution_completes(spane, failed, folder, to_run):
    letter = f"{failed}:risky"
    _, out, _ = spane("dlq", "ls")
    assert [letter, "adding", "failed"] == out.splitlines()[1].split()[:3]
    [fields] = json.loads(spane("dlq", "ls", "--json")[1])["dead_letters"]
    assert (letter, failed, "risky", 1) == (fields["id"], fields["execution"], fields["node"], fields["attempts"])
    shown = spane("dlq", "show", letter)[1]
    assert "after 1 attempt.\n" in shown
    assert "ValueError: not mended yet" in shown
    assert fields == json.loads(spane("dlq", "show", letter, "--json")[1])
    (folder / "mended").touch()
    assert (0, f"{letter} runs again\n", to_run(failed, "flows.py:adding")) == spane("dlq", "retry", letter)
    code, out, told = spane("run", "flows.py", "--follow", failed)
    assert (0, "2\n") == (code, out), told
    code, out, told = spane("dlq", "retry", letter, "--json")
    assert (2, letter) == (code, json.loads(out)["results"][0]["id"])
    assert "is not known here" in told
    assert "" == spane("dlq", "ls")[1]


def test_all_dead_letters_are_discarded_by_one_command(spane, failed):
    assert (0, f"{failed}:risky is discarded\n", "") == spane("dlq", "discard", "--all")
    assert {"dead_letters": []} == json.loads(spane("dlq", "ls", "--json")[1])
    code, _, told = spane("dlq", "discard")
    assert 2 == code
    assert "or all of them by --all" in told


@pytest.mark.redis
def test_a_node_that_waits_for_its_time_is_shown_with_that(run, redis_url):
    with Engine(redis_url) as engine:
        execution = engine.start(put_off_an_hour)
        [due_ms] = (view.until_ms for view in execution.nodes().values())
        out = run("show", execution.id, SPANE_REDIS_URL=redis_url).stdout
        shown = json.loads(run("show", execution.id, "--json", SPANE_REDIS_URL=redis_url).stdout)
        execution.cancel()
    head, row = (line for line in out.splitlines() if line.startswith(("NODE", "an_hour_later")))
    at = f"{datetime.fromtimestamp(due_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
    assert head.index("UNTIL") == row.index(at)
    assert "" == row[head.index("SINCE") : head.index("UNTIL")].strip()
    assert (None, due_ms) == (shown["nodes"]["an_hour_later"]["since_ms"], shown["nodes"]["an_hour_later"]["until_ms"])


def test_an_execution_is_shown_with_its_nodes(spane, failed):
    _, out, _ = spane("show", failed)
    assert f"{failed} of adding is failed." == out.splitlines()[0]
    assert "ValueError: not mended yet" in out
    shown = json.loads(spane("show", failed, "--json")[1])
    assert ("failed", "succeeded", "failed") == (
        shown["status"], shown["nodes"]["prepared"]["state"], shown["nodes"]["risky"]["state"],
    )  # fmt: skip
    code, _, told = spane("show", "nobody")
    assert 2 == code
    assert "Execution 'nobody' is not known here" in told


def test_one_that_is_resumed_is_told_with_what_runs_it(spane, failed, to_run):
    spane("dlq", "retry", "--all")
    spane("pause", failed)
    assert (0, f"{failed} resumed; it is running\n", to_run(failed, "flows.py:adding")) == spane("resume", failed)
    spane("cancel", failed)


def test_children_are_shown_with_their_execution_and_listed_with_their_parent(spane, folder, to_run):
    (folder / "flows.py").write_text(
        f"{FLOWS}\n\n@workflow\ndef around(n: int) -> int:\n    return adding(prepared(n))\n"
    )
    _, out, _ = spane("run", "flows.py:around", "n=1", "--json")
    execution = json.loads(out)["execution"]
    [child] = json.loads(spane("show", execution, "--json")[1])["children"]
    assert ("adding", "adding", "failed") == (child["node"], child["workflow"], child["status"])
    assert child["execution"] in spane("show", execution)[1]
    assert f"parent: {execution}" in spane("show", child["execution"])[1]
    # What runs a child is the command that runs its parent.
    retried = spane("dlq", "retry", f"{child['execution']}:risky")
    assert to_run(execution, "flows.py:around") == retried[2]
    listed = {one["execution"]: one["parent"] for one in json.loads(spane("ls", "--all", "--json")[1])["executions"]}
    assert {execution: None, child["execution"]: execution} == listed


def test_an_execution_that_waits_is_explained(spane, failed, to_run):
    code, out, _ = spane("explain", failed)
    assert 0 == code
    assert f"{failed} of adding is failed." == out.splitlines()[0]
    assert "risky dead_letter It failed after 1 attempt with ValueError: not mended yet." in " ".join(out.split())
    spane("dlq", "retry", f"{failed}:risky")
    _, out, told = spane("explain", failed)
    assert "No worker serves queue 'default': start one that does.\n" in out
    assert to_run(failed, "flows.py:adding") == told
    spane("pause", failed, "--reason", "lunch")
    told = json.loads(spane("explain", failed, "--json")[1])
    assert ("paused", "lunch") == (told["status"], told["cause"]["reason"])
    assert {"risky": "put_aside"} == {name: one["kind"] for name, one in told["nodes"].items()}
    code, _, told = spane("explain", "nobody")
    assert 2 == code
    assert "Execution 'nobody' is not known here" in told


def test_a_breaker_is_listed_and_reset(spane, folder):
    (folder / "bank.py").write_text(
        "from spane import Breaker, Retry, node, workflow\n\n\n"
        "@node(retry=Retry(attempts=1), breaker=Breaker(name='bank', failure_threshold=1))\n"
        "def pay(n: int) -> int:\n    raise ConnectionError('no answer')\n\n\n"
        "@workflow\ndef paying(n: int) -> int:\n    return pay(n)\n"
    )
    assert {"breakers": []} == json.loads(spane("breakers", "ls", "--json")[1])
    code, out, told = spane("breakers", "ls")
    assert (0, "", "No circuit breaker has seen a failure within a day.") == (code, out, told.splitlines()[-1])
    spane("run", "bank.py", "n=1")
    assert ["bank", "open", "1"] == spane("breakers", "ls")[1].splitlines()[1].split()[:3]
    assert (0, "bank is closed\n", "") == spane("breakers", "reset", "bank")
    [listed] = json.loads(spane("breakers", "ls", "--json")[1])["breakers"]
    assert ("bank", "closed", 1) == (listed["name"], listed["state"], listed["opened"])
    code, _, told = spane("breakers", "reset", "nobody")
    assert 2 == code
    assert "Circuit breaker 'nobody' is not known here" in told


def test_one_that_failed_refuses_controls_and_says_what_lets_it_go_on(spane, failed):
    code, _, told = spane("pause", failed)
    assert 2 == code
    assert (
        "it is failed. A failed execution refuses controls: retry its dead letter (`spane explain ID` names it)" in told
    )
    _, _, told = spane("run", "flows.py", "--follow", failed)
    assert told.endswith(f"Once the fault is mended, let the execution go on: spane dlq retry {failed}:risky\n")
    spane("dlq", "discard", "--all")
    assert "spane dlq retry" not in spane("run", "flows.py", "--follow", failed)[2]


def test_a_target_of_another_workflow_is_refused(spane, failed, folder):
    (folder / "asking.py").write_text(ASKING + "\n\n@workflow\ndef telling(n: int) -> str:\n    return told(n)\n")
    code, _, told = spane("replay", failed, "n=2", "--target", "asking.py")
    assert (2, True) == (code, "2 workflows: asking, telling. Say which: --target asking.py:asking" in told), told
    for values in ([], ["n=2"]):
        code, _, told = spane("replay", failed, *values, "--target", "asking.py:telling")
        assert 2 == code
        assert f"is workflow 'telling', and execution '{failed}' is one of 'adding'" in " ".join(told.split())
    assert [failed] == [one["execution"] for one in json.loads(spane("ls", "--all", "--json")[1])["executions"]]


def test_one_that_goes_on_is_paused_resumed_and_cancelled(spane, failed):
    spane("dlq", "retry", f"{failed}:risky")
    assert (0, f"{failed} paused; attempts that may still end: 0\n", "") == spane("pause", failed, "--reason", "lunch")
    assert "why: lunch" in spane("show", failed)[1]
    assert {"results": [{"id": failed, "status": "running"}]} == json.loads(spane("resume", failed, "--json")[1])
    code, out, told = spane("cancel", failed, "nobody", "--reason", "enough")
    assert (2, f"{failed} cancelled; attempts that may still end: 0\n") == (code, out)
    assert "Execution 'nobody' is not known here" in told
    code, _, told = spane("pause", failed)
    assert 2 == code
    assert "it is cancelled. A finished execution refuses controls" in told


def test_executions_are_chosen_by_options_and_all_of_them_only_by_word(spane, failed):
    spane("dlq", "retry", "--all")
    assert failed in spane("pause", "--workflow", "adding")[1]
    assert "" == spane("resume", "--tenant", "nobody")[1]
    assert failed in spane("cancel", "--status", "paused")[1]
    for verb in ("pause", "resume", "cancel"):
        code, _, told = spane(verb)
        assert 2 == code
        assert "Name executions, or choose them" in told


def test_executions_are_listed_with_those_that_ended_on_request(spane, failed):
    assert "" == spane("ls")[1]
    [line] = json.loads(spane("ls", "--all", "--json")[1])["executions"]
    assert (failed, "adding", "failed", None) == (
        line["execution"],
        line["workflow"],
        line["status"],
        line["replay_of"],
    )
    assert failed in spane("ls", "--status", "failed", "--workflow", "adding")[1]
    code, _, told = spane("ls", "--status", "asleep")
    assert 2 == code
    assert "status is 'asleep'; it is one of" in told


def test_a_replay_keeps_results_and_takes_other_inputs(spane, failed, folder):
    (folder / "mended").touch()
    again = json.loads(spane("replay", failed, "--from", "risky", "--json")[1])
    assert failed == again["replay_of"]
    assert "2\n" == spane("run", "flows.py", "--follow", again["execution"])[1]
    code, out, told = spane("replay", failed, "n=5")
    assert (0, f" replays {failed}") == (code, out.rstrip()[36:]), told
    assert "6\n" == spane("run", "flows.py", "--follow", out[:36])[1]
    code, _, told = spane("replay", failed, "--from", "nobody")
    assert 2 == code
    assert "it has no node 'nobody'. The nodes are prepared, risky" in told


def test_stats_count(spane, failed):
    assert "dead letters: 1" in spane("stats")[1]
    assert "workers: 0" in spane("stats")[1]
    spane("dlq", "retry", "--all")
    stats = json.loads(spane("stats", "--json")[1])
    assert (1, 0, {"default": {"5": 1}}) == (stats["executions"], stats["dead_letters"], stats["queues"])
    spane("cancel", failed)


ASKING = """
from spane import Engine, node, wait_for_event, workflow


@node
def told(said: str) -> str:
    return f"somebody said {said}"


@workflow
def asking() -> str:
    return told(wait_for_event("said", str))


if __name__ == "__main__":
    import os

    with Engine() if "SPANE_REDIS_URL" in os.environ else Engine.embedded() as engine:
        print(engine.start(asking).id)
"""


def test_a_signal_reaches_the_node_that_waits_for_it(spane, folder, request, to_run):
    (folder / "asking.py").write_text(ASKING)
    on_redis = request.node.callspec.params["spane"] == "redis"
    env = environment(**({"SPANE_REDIS_URL": request.getfixturevalue("redis_url")} if on_redis else {}))
    command = [sys.executable, "asking.py"]
    execution = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout.strip()
    code, _, told = spane("signal", execution, "sad", "hello")
    assert 2 == code
    assert "has no wait for an event 'sad'. It waits for 'said'." in told
    code, _, told = spane("signal", execution, "said", "5", "--target", "asking.py")
    assert (2, True) == (code, "data: expected a valid string, got 5" in told), told
    for broken in ('{"by": 1', "[NaN]", '"hello'):
        code, _, told = spane("signal", execution, "said", broken)
        assert (2, True) == (code, "DATA begins like JSON, but is none" in told), told
    (folder / "flows.py").write_text(FLOWS)
    code, _, told = spane("signal", execution, "said", "5", "--target", "flows.py")
    assert (2, True) == (
        code,
        f"workflow 'adding', and execution '{execution}' is one of 'asking'" in " ".join(told.split()),
    ), told
    kept = "said is kept for whoever will wait for it\n"
    assert (0, kept, to_run(execution, "FILE:asking")) == spane("signal", execution, "said", "hello", "--key", "one")
    again = json.loads(spane("signal", execution, "said", "hello", "--key", "one", "--json")[1])
    assert {"execution": execution, "event": "said", "taken": False} == again
    code, out, told = spane("run", "asking.py", "--follow", execution)
    assert (0, "somebody said hello\n") == (code, out), told
    code, _, told = spane("signal", execution, "said", '"too late"')
    assert (2, True) == (code, "it is completed" in told)


def test_executions_are_chosen_by_the_time_of_their_start(spane, failed):
    assert failed in spane("ls", "--all", "--started-after", "2020-01-01")[1]
    assert failed in spane("ls", "--status", "failed", "--started-before", "2100-01-01T00:00+02:00")[1]
    assert (0, "", "There are no such executions.\n") == spane("ls", "--all", "--started-after", "2100-01-01")
    code, out, told = spane("cancel", "--started-after", "2100-01-01")
    assert (0, "", "No execution fits these options.\n") == (code, out, told)
    code, _, told = spane("cancel", "--started-after", "yesterday")
    assert (2, True) == (code, "'yesterday' is no time. Write 2026-07-31T18:00" in told)


def test_a_list_of_nothing_says_so(spane, failed):
    spane("dlq", "discard", "--all")
    assert (0, "", "There are none that have not ended; --all lists others.\n") == spane("ls")
    assert (0, "", "There are no dead letters.\n") == spane("dlq", "ls")


def test_where_nothing_was_run_nothing_is_made_and_that_is_said(run, folder):
    said = f"There is no store in {folder / '.spane'}; nothing was run here yet.\n"
    for verb in (["ls"], ["stats"], ["dlq", "ls"], ["breakers", "ls"]):
        done = run(*verb)
        assert (0, True) == (done.returncode, done.stderr.startswith(said)), done.stderr
    assert {"executions": []} == json.loads(run("ls", "--json").stdout)
    for verb in (["show", "an-id"], ["explain", "an-id"], ["dlq", "show", "an-id:node"], ["cancel", "an-id"]):
        done = run(*verb)
        assert (2, "", f"spane: {said}") == (done.returncode, done.stdout, done.stderr)
    assert not (folder / ".spane").exists()
    done = run("ls", "--store", "memory")
    assert (2, True) == (done.returncode, "--store memory is kept in the process of one" in done.stderr)


def test_all_dead_letters_but_those_that_can_never_be_retried_run_again(spane, failed):
    code, out, _ = spane("run", "shop.py:mixed", "why=no", "--json")
    passed = json.loads(out)["execution"]
    code, out, told = spane("dlq", "retry", "--all")
    assert (0, f"{failed}:risky runs again\n") == (code, out)
    assert "1 dead letter passed over that can never be retried; `spane explain`" in told
    code, _, told = spane("dlq", "retry", f"{passed}:sulk")
    assert (2, True) == (code, "went on without it" in told)
    spane("cancel", failed)


def test_tables_fit_a_terminal(run, on_terminal, folder):
    (folder / "flows.py").write_text(FLOWS.replace("not mended yet", "not mended yet, and that for long" * 4))
    failed = json.loads(run("run", "flows.py", "n=1", "--json").stdout)["execution"]
    lines = on_terminal("ls", "--all", COLUMNS="80")[1].splitlines()
    assert ["EXECUTION", "WORKFLOW", "STATUS", "STARTED", "ENDED"] == lines[0].split()
    assert re.fullmatch(rf"{failed}  adding    failed  \d\d:\d\d:\d\dZ  \d\d:\d\d:\d\dZ", lines[1])
    lines = on_terminal("dlq", "ls", COLUMNS="80")[1].splitlines()
    assert re.match(rf"{failed}:risky  adding +failed", lines[2])
    assert re.fullmatch(r"  ValueError: not mended yet, and.*…", lines[3])
    assert 80 == len(lines[3]) == max(map(len, lines))
    assert re.search(r"ERROR\n.* ValueError: (not mended yet, and that for long){4}\n", run("dlq", "ls").stdout)


def test_times_are_as_short_as_their_day_allows():
    now = datetime.now(UTC)
    before = now.replace(year=now.year - 1, day=1)
    assert ("", "") == (Moment.of(None), Moment.of(None).short)
    assert f"{before:%Y-%m-%d}" == Moment.of(int(before.timestamp() * 1000)).short


def test_inputs_of_a_replay_need_to_know_the_workflow(run, folder, redis_url):
    (folder / "flows.py").write_text(FLOWS)
    (folder / "mended").touch()
    script = "from flows import adding; from spane import Engine; e = Engine()\nwith e.work(): x = e.start(adding, {'n': 1}); x.wait(20)\nprint(x.id)"
    env = environment(SPANE_REDIS_URL=redis_url)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    refused = run("replay", done.stdout.strip(), "n=2", SPANE_REDIS_URL=redis_url)
    assert (2, True) == (
        refused.returncode,
        "Say by --target FILE:WORKFLOW where the workflow stands" in refused.stderr,
    )


def test_a_deadline_of_a_run_and_of_a_replay(spane, folder):
    (folder / "flows.py").write_text(
        FLOWS
        + "\n\nfrom spane import sleep\n\n\n@workflow\ndef napping(n: int) -> int:\n    return prepared(sleep(prepared.named('first')(n), 60))\n"
    )
    code, out, _ = spane("run", "flows.py:napping", "n=1", "--deadline", "0.3", "--json")
    told = json.loads(out)
    assert (1, "spane.errors:DeadlineExceeded") == (code, told["error"]["type"])
    code, out, _ = spane("replay", told["execution"], "--deadline", "3600", "--json")
    assert 0 == code
    before = spane("ls", "--all", "--json")[1]
    for verb in (["run", "flows.py:napping", "n=1"], ["replay", told["execution"]]):
        code, _, complaint = spane(*verb, "--deadline", "nan")
        assert (2, True) == (
            code,
            "deadline_s is nan; it is seconds from 0.001 up, at most a hundred years." in complaint,
        )
    assert before == spane("ls", "--all", "--json")[1]
