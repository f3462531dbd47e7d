import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SPANE, environment

MEMORY = ("--store", "memory")


def test_a_result_is_all_that_stands_on_stdout(run):
    done = run("run", "shop.py:pack", "name=tea", 'order={"id": 1, "items": ["a", "b"]}', *MEMORY)
    assert (0, "tea x 2\n", "") == (done.returncode, done.stdout, done.stderr)


def test_what_is_no_text_is_printed_as_json(run):
    done = run("run", "shop.py:numbers", "n=4", *MEMORY)
    assert {"n": 4, "twice": 8} == json.loads(done.stdout)


def test_without_a_redis_it_runs_on_the_embedded_store(run, folder):
    done = run("run", "shop.py:numbers", "n=4")
    assert (0, "") == (done.returncode, done.stderr)
    assert (folder / ".spane").is_dir()


def test_a_value_is_text_where_the_input_is_text(run):
    assert "7 x 0\n" == run("run", "shop.py:pack", "name=7", 'order={"id": 1}', *MEMORY).stdout


@pytest.mark.parametrize("given", ['{"n": 4}', "@inputs.json", "-"])
def test_inputs_come_as_one_document_from_anywhere(run, folder, given):
    (folder / "inputs.json").write_text('{"n": 4}')
    done = run("run", "shop.py:numbers", "--input", given, *MEMORY, stdin='{"n": 4}')
    assert 8 == json.loads(done.stdout)["twice"]


def test_a_name_and_value_win_over_the_document(run):
    done = run("run", "shop.py:numbers", "n=5", "--input", '{"n": 4}', *MEMORY)
    assert 10 == json.loads(done.stdout)["twice"]


def test_inputs_that_do_not_fit_are_all_named(run):
    done = run("run", "shop.py:pack", 'order={"id": "x"}', "nam=1", *MEMORY)
    assert 2 == done.returncode
    for expected in ("name: it is missing", "order.id", "nam: the workflow has no such input"):
        assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tea"], "'tea' is no input; write name=value, with the inputs n."),
        (["--input", "{"], "--input cannot be read as JSON"),
        (["--input", "[]"], "--input is a JSON list; inputs are an object"),
        (["--input", "@nowhere.json"], "--input: there is no file 'nowhere.json'."),
        (["--input", "@."], "--input: the file '.' cannot be read: Is a directory."),
        (["n=3", "n=4"], "n: it is given 2 times; give it once."),
    ],
)
def test_inputs_that_cannot_be_read_are_refused(run, arguments, message):
    done = run("run", "shop.py:numbers", *arguments, *MEMORY)
    assert 2 == done.returncode
    assert message in done.stderr


def test_a_failure_shows_the_users_traceback_and_nothing_of_the_engine(run):
    done = run("run", "shop.py:failing", "what=tea")
    assert (1, "") == (done.returncode, done.stdout)
    assert "node 'sell' failed after 2 attempts with LookupError: tea is sold out" in done.stderr
    assert 'shop.py", line' in done.stderr
    assert "spane/" not in done.stderr
    assert 1 == done.stderr.count("Traceback")


def test_json_is_one_document_of_the_whole_execution(run):
    told = json.loads(run("run", "shop.py:numbers", "n=4", "--json", *MEMORY).stdout)
    assert ("numbers", "completed", {"n": 4, "twice": 8}) == (told["workflow"], told["status"], told["result"])
    assert ("succeeded", 1) == (told["nodes"]["double"]["state"], told["nodes"]["double"]["attempt"])


def test_what_nodes_print_goes_to_stderr_and_the_result_alone_to_stdout(run):
    printed = "hello\nhello of a program\n"
    plain = run("run", "shop.py:chatty", "text=hello", *MEMORY)
    assert (0, "HELLO\n", printed) == (plain.returncode, plain.stdout, plain.stderr)
    document = run("run", "shop.py:chatty", "text=hello", "--json", *MEMORY)
    assert ("HELLO", printed) == (json.loads(document.stdout)["result"], document.stderr)
    events = run("run", "shop.py:chatty", "text=hello", "--events", *MEMORY)
    assert "end" == [json.loads(line) for line in events.stdout.splitlines()][-1]["kind"]
    assert printed == events.stderr


def test_what_a_module_prints_when_it_is_imported_goes_to_stderr(run, folder):
    (folder / "loud.py").write_text("print('imported')\nfrom shop import numbers\n")
    done = run("run", "loud.py:numbers", "n=4", "--json", *MEMORY)
    assert ({"n": 4, "twice": 8}, "imported\n") == (json.loads(done.stdout)["result"], done.stderr)


def test_json_tells_of_a_failure_too(run):
    done = run("run", "shop.py:failing", "what=tea", "--json", *MEMORY)
    told = json.loads(done.stdout)
    assert (1, "failed", "sell") == (done.returncode, told["status"], told["error"]["node"])
    assert "builtins:LookupError" == told["error"]["type"]
    assert "" == done.stderr


def test_events_are_lines_of_json_and_the_last_one_is_the_end(run):
    done = run("run", "shop.py:failing", "what=tea", "--events", *MEMORY)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [line["kind"] for line in lines]
    assert "execution_started" == kinds[0]
    assert ["node_claimed", "node_retrying", "node_claimed", "node_failed"] == [
        kind for kind in kinds if kind.startswith("node_")
    ]
    assert ("end", "failed") == (lines[-1]["kind"], lines[-1]["status"])


def test_a_workflow_that_goes_on_without_a_failed_node_completes(run):
    told = json.loads(run("run", "shop.py:mixed", "why=rain", "--json", *MEMORY).stdout)
    assert ("completed", "so be it") == (told["status"], told["result"])
    assert {"sulk": "failed", "shrug": "succeeded"} == {node: row["state"] for node, row in told["nodes"].items()}


def test_a_store_that_cannot_be_reached_has_its_own_exit_code(run):
    done = run("run", "shop.py:numbers", "n=4", "--store", "redis://localhost:1")
    assert 4 == done.returncode
    assert "Redis cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_does_not_exist_is_answered_with_those_that_do(run):
    done = run("run", "shop.py:numbers", "n=4", "--store", "bogus")
    assert 2 == done.returncode
    assert (
        "spane: --store: there is no store 'bogus'. Write embedded (kept in .spane/), memory (kept nowhere), or the URL of "
        "a Redis: redis://host:6379/0, rediss://... for TLS, unix:///path/to/redis.sock.\n"
    ) == done.stderr


def test_settings_at_fault_are_named_all_at_once(run):
    done = run("run", "shop.py:numbers", "n=4", SPANE_LEASE_S="-1", SPANE_LOG_LEVEL="loud")
    assert 2 == done.returncode
    assert "SPANE_LEASE_S" in done.stderr
    assert "SPANE_LOG_LEVEL" in done.stderr


def test_inputs_are_read_before_a_store_is_opened(run):
    done = run("run", "shop.py:numbers", "--store", "redis://localhost:1")
    assert 2 == done.returncode
    assert "n: it is missing" in done.stderr


def test_an_execution_that_is_followed_takes_no_inputs(run):
    done = run("run", "shop.py:numbers", "n=4", "--follow", "nothing", *MEMORY)
    assert 2 == done.returncode
    assert "--follow watches an execution that has its inputs already; leave these out." in done.stderr


def test_a_result_is_printed_whole_whatever_the_terminal_can_show(run, folder):
    (folder / "words.py").write_text(
        "from spane import node, workflow\n\n@node\ndef say(word: str) -> dict[str, str]:\n    return {word: '😀'}\n\n"
        "@node\ndef tell(word: str) -> str:\n    return word\n\n"
        "@workflow\ndef words(word: str) -> dict[str, str]:\n    return say(word)\n\n"
        "@workflow\ndef text(word: str) -> str:\n    return tell(word)\n",
        encoding="utf-8",
    )
    done = run("run", "words.py:words", "word=größe", *MEMORY, PYTHONIOENCODING="ascii")
    assert (0, {"größe": "😀"}) == (done.returncode, json.loads(done.stdout))
    assert "gr\\xf6\\xdfe\n" == run("run", "words.py:text", "word=größe", *MEMORY, PYTHONIOENCODING="ascii").stdout
    assert "größe\n" == run("run", "words.py:text", "word=größe", *MEMORY, PYTHONIOENCODING="utf-8").stdout


def test_an_execution_that_is_not_there_cannot_be_followed(run):
    done = run("run", "shop.py:numbers", "--follow", "nothing")
    assert 2 == done.returncode
    assert "Execution 'nothing' is not known here" in done.stderr


MISFIT = """
from spane import node, workflow

@node
def anything(n: int):
    return {"n": n}

@workflow
def misfit(n: int) -> int:
    return anything(n)
"""


def test_a_result_that_does_not_fit_its_annotation_is_a_document_too(run, folder):
    (folder / "misfit.py").write_text(MISFIT)
    done = run("run", "misfit.py", "n=4", "--json", *MEMORY)
    told = json.loads(done.stdout)
    assert (1, "completed", None) == (done.returncode, told["status"], told["result"])
    assert "spane.errors:ValueMismatch" == told["error"]["type"]
    assert "Workflow 'misfit' came to a result that is not what its body's return annotation says" in told["message"]
    assert 36 == len(told["execution"])
    assert "succeeded" == told["nodes"]["anything"]["state"]


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["nowhere.py"], 2, "DefinitionError"),
        (["shop.py:numbers", "n=x"], 2, "InputError"),
        (["shop.py:numbers", "n=4", "--store", "bogus"], 2, "SettingsError"),
        (["shop.py:numbers", "n=4", "--store", "redis://localhost:1"], 4, "StoreUnavailable"),
        (["shop.py:numbers", "--follow", "nothing", *MEMORY], 2, "UnknownExecution"),
    ],
)
@pytest.mark.parametrize("form", ["--json", "--events"])
def test_what_is_refused_is_a_document_too(run, arguments, code, kind, form):
    done = run("run", *arguments, form)
    told = json.loads(done.stdout)
    assert (code, None, f"spane.errors:{kind}") == (done.returncode, told["status"], told["error"]["type"])
    assert told["message"]
    assert {"execution", "workflow", "result", "nodes"} <= set(told)


JOBS = """
from spane import Workflow, node, wait_for_event, workflow


@node
def shrug(why: str = "so be it") -> str:
    return why


@workflow
def expecting() -> str:
    return shrug(wait_for_event("go", str))


job = Workflow.from_definition(
    {"id": "job", "nodes": [{"id": "shrug", "type": "shrug"}], "priority": 9, "delay": 300, "jobId": "one-job"}
)
"""


def test_in_memory_nobody_waits_for_an_event_that_nobody_else_can_send(run, folder):
    (folder / "jobs.py").write_text(JOBS)
    done = run("run", "jobs.py:expecting", *MEMORY)
    assert 1 == done.returncode
    assert "Node 'go' waits for event 'go'; signal it." in done.stderr
    assert "Register" not in done.stderr


def test_a_definition_says_how_its_runs_are_started(run, folder):
    (folder / "jobs.py").write_text(JOBS)
    first, second = (run("run", "jobs.py:job") for _ in range(2))
    assert ("so be it\n", "so be it\n") == (first.stdout, second.stdout)
    assert "Key 'one-job' was used before with these inputs" in second.stderr
    own = run("run", "jobs.py:job", "--key", "mine", "--events")
    assert "was used before" not in own.stderr
    events = [json.loads(line) for line in own.stdout.splitlines()]
    at_ms = {event["kind"]: event["at_ms"] for event in events if "at_ms" in event}
    assert at_ms["node_claimed"] - at_ms["execution_started"] >= 300


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full to write to")
@pytest.mark.parametrize(
    "arguments", [["run", "shop.py:numbers", "n=2", "--store", "memory"], ["graph", "shop.py:held"]]
)
def test_what_cannot_be_printed_is_one_line_and_an_exit_code(folder, arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SPANE, *arguments],
            cwd=folder,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (5, "spane: what it prints cannot be written: No space left on device.\n") == (done.returncode, done.stderr)
