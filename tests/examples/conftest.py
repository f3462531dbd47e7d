"""Each example is imported for one test and forgotten after it: its nodes are nobody else's."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from spane.authoring import registry


def imported(name: str) -> Iterator[ModuleType]:
    """Import an example into an empty registry; put the registry back afterwards."""
    before = registry.default.snapshot()
    registry.default.restore(registry.Registry().snapshot())
    yield importlib.import_module(f"examples.{name}")
    del sys.modules[f"examples.{name}"]
    registry.default.restore(before)


@pytest.fixture
def quickstart() -> Iterator[ModuleType]:
    yield from imported("quickstart")


@pytest.fixture
def census() -> Iterator[ModuleType]:
    yield from imported("census")


@pytest.fixture
def data_passing() -> Iterator[ModuleType]:
    yield from imported("data_passing")


@pytest.fixture
def retries() -> Iterator[ModuleType]:
    yield from imported("retries")
