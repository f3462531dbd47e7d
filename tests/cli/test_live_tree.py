import json
import re

import pytest

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def test_a_terminal_shows_the_tree_with_states_and_tries(on_terminal):
    code, drawn = on_terminal("run", "shop.py:wobbly")
    seen = CONTROL.sub("", drawn)
    assert 0 == code
    assert COLOUR.search(drawn)
    assert re.search(r"wobbly [0-9a-f-]{36} running 0 of 2 nodes", seen)
    assert re.search(r"wobble +retrying +again in 0\.\d s: ConnectionError: the line is down", seen)
    last = seen[seen.rindex("wobbly ") :]
    assert re.search(r"completed 2 of 2 nodes", last)
    assert re.search(r"wobble +succeeded +\d+ ms +try 2", last)
    assert re.search(r"↓ steady +succeeded", last)
    assert last.rstrip().endswith("2")


def test_a_running_node_shows_how_far_it_is(on_terminal, pipes):
    def go_on():
        (pipes / "at").open().close()
        (pipes / "go").open("w").close()

    code, _ = on_terminal("run", "shop.py:held", f"folder={pipes}", once={"3 of 4": go_on})
    assert 0 == code


def test_a_node_that_waits_for_an_event_is_parked_with_that_event(on_terminal, run):
    def approve():
        [listed] = json.loads(run("ls", "--json").stdout)["executions"]
        run("signal", listed["execution"], "approved", "yes")

    code, drawn = on_terminal("run", "shop.py:approval", once={"event 'approved'": approve})
    seen = CONTROL.sub("", drawn)
    assert 0 == code
    assert re.search(r"approved +parked +event 'approved'", seen)
    assert re.search(r"approved +succeeded", seen[seen.rindex("approval ") :])


def test_what_a_node_prints_stands_above_the_tree(on_terminal):
    _, drawn = on_terminal("run", "shop.py:wobbly", "--store", "memory")
    assert 2 == CONTROL.sub("", drawn).count("wobbling")


def test_no_color_is_kept(on_terminal):
    code, drawn = on_terminal("run", "shop.py:wobbly", "--store", "memory", NO_COLOR="1")
    assert (0, None) == (code, COLOUR.search(drawn))


def test_a_failure_stands_below_the_tree(on_terminal):
    code, drawn = on_terminal("run", "shop.py:failing", "what=tea", "--store", "memory")
    seen = CONTROL.sub("", drawn)
    assert 1 == code
    assert re.search(r"sell +failed +\d+ ms +try 2 +LookupError: tea is sold out", seen)
    assert seen.rindex("Traceback") > seen.rindex("LookupError: tea is sold out", 0, seen.rindex("Traceback"))


def test_json_is_quiet_on_a_terminal_too(on_terminal):
    _, drawn = on_terminal("run", "shop.py:numbers", "n=2", "--json", "--store", "memory")
    assert drawn.startswith("{")


LONG = """
from spane import Retry, node, workflow

@node(retry=Retry(attempts=2, backoff="fixed", base_s=0.3))
def fetch_the_report_of_the_day() -> int:
    raise LookupError("a text that does not end " * 40)

@node
def 处理数据() -> int:
    return 1

@node
def total(numbers: list[int]) -> int:
    return sum(numbers)

@workflow
def long() -> int:
    return total([fetch_the_report_of_the_day(), 处理数据()])
"""


@pytest.mark.parametrize("columns", [60, 100])
def test_a_long_error_takes_nothing_from_names_and_states(on_terminal, folder, columns):
    (folder / "long.py").write_text(LONG)
    _, drawn = on_terminal("run", "long.py", "--store", "memory", COLUMNS=str(columns))
    seen = CONTROL.sub("", drawn)
    assert re.search(r"^fetch_the_report_of_the_day  retrying ", seen, re.MULTILINE)
    failed = re.findall(r"^fetch_the_report_of_the_day  failed +\d+ ms.*$", seen, re.MULTILINE)[-1].rstrip()
    assert failed.endswith("…")
    assert columns == len(failed)
    assert re.search(r"^处理数据 {21}succeeded", seen, re.MULTILINE)


def test_a_name_that_is_wider_than_the_terminal_goes_on_below(on_terminal, folder):
    (folder / "long.py").write_text(LONG)
    _, drawn = on_terminal("run", "long.py", "--store", "memory", COLUMNS="40")
    seen = CONTROL.sub("", drawn)
    assert re.search(r"^fetch_the_report_o  failed +\d+ ms *\n+f_the_day *$", seen, re.MULTILINE)


def test_of_a_graph_that_has_no_room_every_state_is_counted(on_terminal, folder):
    (folder / "many.py").write_text(
        "import time\nfrom spane import node, workflow\n\n@node\ndef one(seconds: float) -> int:\n"
        "    time.sleep(seconds)\n    return 1\n\n"
        "@node\ndef total(ones: list[int]) -> int:\n    return sum(ones)\n\n"
        "@workflow\ndef many() -> int:\n    return total([one.named(f'one_{i}')(i // 1999) for i in range(2000)])\n"
    )
    code, drawn = on_terminal("run", "many.py", LINES="20")
    seen = CONTROL.sub("", drawn)
    assert 0 == code
    assert re.search(r"\d+ (queued|running), \d+ waiting", seen)
    assert re.search(r"2001 of 2001 nodes, .*\n+2001 succeeded", seen)
