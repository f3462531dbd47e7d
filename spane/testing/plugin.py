"""The pytest plugin: the fixture `spane`, and failures that begin with the node they happened in.

pytest loads this module in every run wherever SPANE is installed, so it imports nothing of SPANE before a test asks.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from spane.testing.workbench import Workbench

_NEEDED = ("fakeredis", "lupa")


@pytest.fixture
def spane() -> Generator[Workbench, None, None]:
    """Give the test an engine of its own, in this process, on a clock that only the test moves.

    >>> def test_fulfil(spane):
    ...     assert spane.run(fulfil, order_id=7) == "sent"
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.fail(
            f"The fixture `spane` needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed. Install what tests need: pip install 'spane[testing]'.",
            pytrace=False,
        )
    from spane.testing.workbench import Workbench  # noqa: PLC0415 - only tests that ask for it pay for it

    with Workbench() as workbench:
        yield workbench


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Begin the report of a failed test with the node that failed, and end it with the events."""
    workbench: Any = getattr(item, "funcargs", {}).get("spane")
    if call.excinfo is None or not hasattr(workbench, "explain"):
        return (yield)
    error = call.excinfo.value
    if not item.config.getoption("fulltrace", default=False):
        workbench.hide_engine(error)
        call.excinfo = pytest.ExceptionInfo.from_exception(error)
    report = yield
    if report.failed:
        workbench.explain(report, error)
    return report
