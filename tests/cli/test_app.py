import re
import subprocess
import sys

import pytest

from spane.cli.exits import Exit
from tests.cli.conftest import ROOT, environment

HEAVY = ("pydantic", "dramatiq", "redis", "networkx", "rich", "spane.engine", "spane.settings")


def test_help_imports_nothing_that_takes_long():
    code = (
        "import sys\nsys.argv = ['spane', '--help']\nfrom spane.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "[]" == told.stdout.splitlines()[-1]


def test_help_lists_the_verbs_and_the_exit_codes(run):
    told = run("--help").stdout
    for word in ("run", "graph", "check", "worker", "version", "Exit codes:"):
        assert word in told
    for code in Exit:
        assert re.search(rf"^  {code.value} +{code.meaning.replace('`', '')}$", told, re.MULTILINE)


@pytest.mark.parametrize("columns", ["120", "80", "60"])
def test_help_breaks_its_lines_between_words_and_leaves_nothing_out(run, columns):
    told = run("--help", COLUMNS=columns).stdout
    words = " ".join(told.split())
    assert "..." not in words.replace("[ARGS]...", "")
    assert "Report all faults of settings, store and workflows." in words
    for code in Exit:
        assert code.meaning.replace("`", "") in words
    assert max(map(len, told.splitlines())) <= int(columns)


def test_every_verb_has_help(run):
    for verb in ("run", "graph", "check", "worker", "version"):
        assert 0 == run(verb, "--help").returncode


def test_a_verb_that_is_not_there_is_a_usage_error(run):
    assert 2 == run("rum").returncode


@pytest.mark.parametrize("asked", ["version", "--version"])
def test_version_names_what_spane_stands_on(run, asked):
    told = run(asked).stdout
    assert told.startswith("spane ")
    for name in ("Python 3.", "Dramatiq ", "redis-py "):
        assert name in told
