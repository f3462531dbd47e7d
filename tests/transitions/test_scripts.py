"""Every script has its tests, and says in its header what they hold it to."""

from __future__ import annotations

from pathlib import Path

from spane.runtime import scripts

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
        "admit",
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
        "sweep",
        "tell_breaker",
        "undo",
    }
    assert known == ends
