"""Every script has its tests, and says in its header what they hold it to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import redis

from spane.runtime import scripts
from spane.runtime.keys import Keys
from spane.runtime.store import Store

HERE = Path(__file__).parent
LUA = Path(scripts.__file__).parent / "lua"


def test_every_script_has_a_file_of_tests():
    assert {path.stem for path in LUA.glob("*.lua")} == {
        path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")
    } - {"compensate", "deadline", "faults", "limits", "scripts", "skipping"}


def test_every_script_says_its_keys_its_replies_and_its_events():
    for path in LUA.glob("*.lua"):
        header = path.read_text().split("\nlocal ")[0]
        for word in ("KEYS", "Returns"):
            assert word in header, f"{path.name} does not say {word}"
        silent = "Writes nothing" in header or path.stem == "recover_messages"  # which knows no executions
        assert silent or "vent" in header, f"{path.name} does not say its events"


def test_scripts_that_end_work_run_when_memory_is_full_and_those_that_begin_it_do_not():
    ends = {path.stem for path in LUA.glob("*.lua") if "allow-oom" in path.read_text().split("\n")[0]}
    known = {
        "ask_breaker",
        "await",
        "cancel",
        "commit",
        "discard",
        "expand",
        "fetch",
        "give_back",
        "leave",
        "mark",
        "pause",
        "put_blob",
        "renew",
        "rescue",
        "reset_breaker",
        "resync",
        "sort",
        "sweep",
        "tell_breaker",
        "undo",
    }
    assert known == ends


def test_what_is_true_of_one_call_is_no_local_of_an_include():
    for path in (LUA / "include").glob("*.lua"):
        text = path.read_text()
        values = [
            name
            for names in re.findall(r"^local ([\w, ]+?)(?: =.*)?$", text, re.MULTILINE)
            for name in names.split(", ")
        ]
        kept = {"ascend", "TAKES", "takes"}  # declared ahead of its function; the same at every call
        for name in {*values} - kept:
            used = re.sub(r"^local [\w, ]+ = ", "", text, flags=re.MULTILINE)
            assigned = re.search(rf"\b{name}(?:, \w+)* = ", used)
            assert not assigned, f"{path.name}: {name} would keep its value for the next call; put it into `call`"


class Texts:
    """What the files define, call, include and append to the stream, as far as their text says."""

    def __init__(self) -> None:
        self.scripts = {path.stem: path.read_text() for path in LUA.glob("*.lua")}
        self.includes = {path.stem: path.read_text() for path in (LUA / "include").glob("*.lua")}
        self.home = {name: file for file, text in self.includes.items() for name in _functions(text)}
        self.bodies = {name: body for text in self.includes.values() for name, body in _functions(text).items()}

    def brought(self, text: str) -> set[str]:
        """Return all that a file includes, whatever brings it."""
        found, waiting = set(), _included(text)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += _included(self.includes[name])
        return found

    def called(self, text: str) -> set[str]:
        """Return the functions of includes that a text names."""
        return {name for name in re.findall(r"(\w+)\(", _code(text)) if name in self.home} - set(_functions(text))

    def letters(self, text: str) -> set[str]:
        """Return the letters of all events that a script may append, in what it calls as well."""
        found, waiting, seen = set(), [_code(text)], set()
        while waiting:
            body = waiting.pop()
            found |= set(re.findall(r"event\('(\w)'", body))
            for chosen in re.findall(r"local letter = (.*)\n.*event\(letter", body):
                found |= set(re.findall(r"'([A-Z])'", chosen))
            called = self.called(body) - seen
            seen |= called
            waiting += [self.bodies[name] for name in called]
        return found


def _code(text: str) -> str:
    return re.sub(r"--.*", "", text)


def _included(text: str) -> list[str]:
    return re.findall(r"^--@include (\w+)$", text, re.MULTILINE)


def _functions(text: str) -> dict[str, str]:
    """Return the functions that a file defines, each from its first line to its `end`, both at the margin."""
    found = re.finditer(r"^(?:local function (\w+)|(\w+) = function)\(.*?^end$", _code(text), re.MULTILINE | re.DOTALL)
    return {match[1] or match[2]: match[0] for match in found}


TEXTS = Texts()


@pytest.mark.parametrize("name", sorted(TEXTS.scripts))
def test_a_header_says_which_events_its_script_may_append(name):
    text = TEXTS.scripts[name]
    header = text.split("\nlocal ")[0]
    said = re.search(r"Events +(.*?)\. ?(?:$|Bound)", header.replace("\n--      ", "").replace("\n--", ""))
    assert set(re.findall(r"\b(\w)\b", said[1] if said else "")) == TEXTS.letters(text)


@pytest.mark.parametrize("name", sorted({**TEXTS.scripts, **TEXTS.includes}))
def test_a_file_includes_what_it_calls(name):
    text = TEXTS.scripts.get(name) or TEXTS.includes[name]
    brought = TEXTS.brought(text)
    assert set() == {TEXTS.home[called] for called in TEXTS.called(text)} - brought - {name}


@pytest.fixture
def stores(redis_url):
    """Two clients of one Redis, the second of another version of SPANE."""
    with redis.Redis.from_url(redis_url, protocol=2) as one, redis.Redis.from_url(redis_url, protocol=3) as two:
        first, second = Store(one, Keys()), Store(two, Keys())
        second.scripts = {
            name: scripts.as_function(name, source + "-- of another version\n")
            for name, source in scripts.sources().items()
        }
        yield first, second


def libraries(store: Store) -> set[str]:
    return {scripts.library_name(library) for library in store.client.function_list(scripts.LIBRARIES)}


@pytest.mark.redis
def test_versions_that_share_a_redis_do_not_meet(stores):
    first, second = stores
    first.load_scripts()
    second.load_scripts()
    assert {script.address for store in stores for script in store.scripts.values()} == libraries(first)
    assert 2 * len(first.scripts) == len(libraries(first))


@pytest.mark.redis
def test_old_versions_are_dropped_and_loaded_again_by_who_still_runs_them(stores):
    old, new = stores
    old.load_scripts()
    new.load_scripts()
    new.forget_old_scripts()
    assert {script.address for script in new.scripts.values()} == libraries(new)
    old.wake("default")
    assert old.scripts["wake"].address in libraries(old)
    new.wake("default")


@pytest.mark.redis
def test_a_library_of_somebody_else_stays(stores):
    store, _ = stores
    theirs = "#!lua name=billing\nredis.register_function('bill', function() return 1 end)"
    store.client.function_load(theirs)
    store.load_scripts()
    store.forget_old_scripts()
    assert 1 == store.client.fcall("bill", 0)
