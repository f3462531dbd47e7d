import subprocess
import sys

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
    for word in ("run", "graph", "check", "worker", "version", "Exit codes: 0 done", "130 interrupted"):
        assert word in told


def test_every_verb_has_help(run):
    for verb in ("run", "graph", "check", "worker", "version"):
        assert 0 == run(verb, "--help").returncode


def test_a_verb_that_is_not_there_is_a_usage_error(run):
    assert 2 == run("rum").returncode


def test_version_names_what_spane_stands_on(run):
    told = run("version").stdout
    assert told.startswith("spane ")
    for name in ("Python 3.", "Dramatiq ", "redis-py "):
        assert name in told
