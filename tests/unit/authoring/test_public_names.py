"""What `import spane` gives, and how little it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import spane


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(told.stdout.split())


def test_import_spane_loads_nothing_heavy():
    heavy = {"networkx", "dramatiq", "redis", "pydantic", "msgspec", "typer", "rich", "fakeredis"}
    assert set() == heavy & loaded_by("import spane")


def test_writing_workflows_loads_neither_networkx_nor_dramatiq_nor_redis():
    code = """
from spane import Context, Parents, Retry, current, node, use, workflow
@node
def load(n: int) -> int: ...
@workflow
def flow(n: int) -> int: return load(n)
flow.plan
"""
    assert set() == {"networkx", "dramatiq", "redis", "fakeredis"} & loaded_by(code)


@pytest.mark.parametrize("name", [name for name in spane.__all__ if name not in ("Engine", "Execution")])
def test_every_public_name_is_there(name):
    assert getattr(spane, name) is not None
    assert name in dir(spane)


def test_there_are_about_forty_and_no_others():
    assert 30 <= len(spane.__all__) <= 48
    assert sorted(spane.__all__) == spane.__all__
    with pytest.raises(AttributeError, match="module 'spane' has no attribute 'delay'"):
        _ = spane.delay
