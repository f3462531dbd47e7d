"""Both type checkers agree with the lines of this folder, the wrong ones included."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_strict_keeps_every_signature(tmp_path):
    checked = run(
        "mypy",
        "--strict",
        "--warn-unused-ignores",
        "--follow-imports=silent",
        f"--cache-dir={tmp_path}",
        str(HERE / "calls.py"),
    )
    assert "Success: no issues found in 1 source file" in checked.stdout, checked.stdout + checked.stderr


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
def test_pyright_strict_keeps_every_signature(tmp_path):
    settings = {
        "include": [os.path.relpath(HERE / name, tmp_path) for name in ("calls.py", "decorated_classes.py")],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "enableTypeIgnoreComments": False,
        "reportPrivateUsage": "none",
        "reportUnusedExpression": "none",
    }
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    checked = run("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(project))
    told = json.loads(checked.stdout)
    problems = [f"{d['file']}:{d['range']['start']['line'] + 1}: {d['message']}" for d in told["generalDiagnostics"]]
    assert ([], 2) == (problems, told["summary"]["filesAnalyzed"])
