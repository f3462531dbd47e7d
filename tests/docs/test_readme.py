import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "site", "__pycache__", "*.egg-info")


def command_with(text):
    """Return the README's command that has `text` in it."""
    [found] = [
        line for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        for line in block.splitlines() if text in line and "venv" in line
    ]  # fmt: skip
    return found


@pytest.mark.network
@pytest.mark.timeout(600)
def test_one_command_sets_up_and_takes_the_census_on_a_fresh_machine(tmp_path):
    shutil.copytree(ROOT, tmp_path / "clone", ignore=LEFT_OUT)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPANE_", "REDIS_", "PYTHON"))}
    # The Python that runs the tests stands for the one Python of the machine, and nothing else may be on its path.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    done = subprocess.run(
        ["bash", "-c", command_with("examples/census.py")],
        cwd=tmp_path / "clone",
        env=kept | {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Could not find a version" in done.stderr or "connection" in done.stderr.lower():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no package index: {done.stderr[-500:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| Python" in done.stdout
    assert (tmp_path / "clone" / "census.svg").is_file()
    assert (tmp_path / "clone" / ".spane").is_dir()


def test_continuous_integration_runs_the_readmes_test_command():
    assert command_with("pytest").removeprefix("python3") in (ROOT / ".ci" / "run").read_text()
