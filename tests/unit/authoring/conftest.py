"""A registry of its own for each test, and a way to ask a workflow what is wrong with it."""

from __future__ import annotations

import inspect

import pytest

from spane import DefinitionError
from spane.authoring import registry


@pytest.fixture(autouse=True)
def own_registry():
    before = registry.default.snapshot()
    registry.default.restore(({}, {}))
    yield registry.default
    registry.default.restore(before)


@pytest.fixture
def told():
    """Return what a workflow's plan is refused for, as {code: message}; each code once."""

    def ask(workflow):
        with pytest.raises(DefinitionError) as caught:
            _ = workflow.plan
        codes = [fault.code for fault in caught.value.faults]
        assert len(codes) == len(set(codes)), caught.value
        return {fault.code: fault.message for fault in caught.value.faults}

    return ask


@pytest.fixture
def marked():
    """Return where in the calling test the comment `# here` stands, as `file:line`."""

    def find(test):
        lines, first = inspect.getsourcelines(test)
        offset = next(index for index, line in enumerate(lines) if line.rstrip().endswith("# here"))
        return f"{inspect.getsourcefile(test)}:{first + offset}"

    return find
