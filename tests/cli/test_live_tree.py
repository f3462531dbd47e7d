import re

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
