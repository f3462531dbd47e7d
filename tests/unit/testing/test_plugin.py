"""The plugin in a pytest run of its own: what a failing test prints, and what the plugin costs others."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from spane.testing.workbench import Workbench

SOURCE = """
    import pytest
    from spane import Retry, node, workflow

    @node
    def load(order_id: int) -> dict[str, int]:
        return {"id": order_id}

    def divided(order, rate):
        return order["id"] / rate

    @node(retry=Retry(attempts=2))
    def charge(order: dict[str, int], rate: float) -> float:
        return divided(order, rate)

    @workflow
    def fulfil(order_id: int, rate: float = 0.0) -> float:
        return charge(load(order_id), rate)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a test module in a process of its own, in which the plugin is loaded once, installed or not."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def inner(source, *arguments):
        pytester.makepyfile(SOURCE + source)
        return pytester.runpytest_subprocess("-p", "spane.testing.plugin", "--no-header", *arguments)

    return inner


def test_a_failure_begins_with_the_node_and_its_inputs_and_hides_the_engine(run):
    result = run(
        """
    def test_it(spane):
        spane.run(fulfil, order_id=7)
"""
    )
    result.stdout.fnmatch_lines(
        [
            "*___ test_it ___*",
            "Node 'charge' of workflow 'fulfil' failed in attempt 2 of 2, called with",
            "    order = {'id': 7}",
            "    rate = 0.0",
            ">       spane.run(fulfil, order_id=7)",
            "*: in charge",
            '>       return order["id"] / rate',
            "E       ZeroDivisionError: *division by zero",
            "*--- SPANE events ---*",
            "*+0.000 s  node_retrying          charge  attempt 1  ZeroDivisionError: *division by zero  delay_ms: 1000",
            "*+1.000 s  node_failed            charge  attempt 2  ZeroDivisionError: *division by zero",
            "FAILED *::test_it*",
        ]
    )
    for engine in ("executor.py", "workbench.py", "worker.py"):
        result.stdout.no_fnmatch_line(f"*{engine}*")


def test_a_result_that_is_asked_for_fails_the_same_way(run):
    result = run(
        """
    def test_it(spane):
        spane.start(fulfil, {"order_id": 7}).result()
"""
    )
    result.stdout.fnmatch_lines(
        [
            "Node 'charge' of workflow 'fulfil' failed in attempt 2 of 2, called with",
            '>       spane.start(fulfil, {"order_id": 7}).result()',
            "E       spane.errors.ExecutionFailed: Execution * failed: node 'charge' failed after 2 attempts with Zero*",
        ]
    )
    result.stdout.no_fnmatch_line("*reading.py*")


def test_inputs_that_do_not_fit_point_at_the_test(run):
    result = run(
        """
    def test_it(spane):
        spane.run(fulfil, order_id="seven")
"""
    )
    result.stdout.fnmatch_lines(
        [
            '>       spane.run(fulfil, order_id="seven")',
            "E       spane.errors.InputError: The inputs do not fit workflow 'fulfil':",
            "E         - order_id: expected a valid integer*",
        ]
    )
    result.stdout.no_fnmatch_line("*starting.py*")


def test_a_value_that_does_not_fit_shows_what_was_given(run):
    result = run(
        """
    @node
    def count(number: int) -> int:
        return number

    @workflow
    def counting(number: object) -> int:
        return count(number)

    def test_it(spane):
        spane.run(counting, number="no")
"""
    )
    result.stdout.fnmatch_lines(
        [
            "Node 'count' of workflow 'counting' failed in attempt 1 of 3, called with",
            '    inputs = \'{"number":"no"}\'',
            "E       spane.errors.ValueMismatch: Node 'count' cannot take the value given to its parameter 'number':",
        ]
    )
    result.stdout.no_fnmatch_line("*direct cause*")


def test_a_full_trace_shows_everything(run):
    result = run(
        """
    def test_it(spane):
        spane.run(fulfil, order_id="seven")
""",
        "--full-trace",
    )
    result.stdout.fnmatch_lines(["*starting.py*"])


def test_other_outcomes_are_left_as_they_are(run):
    result = run(
        """
    def test_passes(spane):
        assert spane.run(fulfil, order_id=6, rate=2) == 3

    def test_skips(spane):
        pytest.skip("not today")

    @pytest.mark.xfail(raises=ZeroDivisionError, strict=True)
    def test_xfails(spane):
        spane.run(fulfil, order_id=7)

    def test_without():
        assert fulfil(order_id=6, rate=2) == 3
"""
    )
    result.assert_outcomes(passed=2, skipped=1, xfailed=1)


def test_what_one_test_defines_is_not_there_in_the_next(run):
    result = run(
        """
    @pytest.mark.parametrize("number", [1, 2])
    def test_it(spane, number):
        @node
        def step() -> int:
            return number

        @workflow
        def stepping() -> int:
            return step()

        assert spane.run(stepping) == number

    def test_other(spane):
        @node
        def step() -> str:
            return "other"

        @workflow
        def stepping() -> str:
            return step()

        assert spane.run(stepping) == "other"
"""
    )
    result.assert_outcomes(passed=3)


def test_without_the_extra_only_a_test_that_asks_for_the_fixture_fails(run, pytester, monkeypatch):
    # A finder that knows neither stands for an environment without them.
    pytester.makeconftest(
        """
        from importlib.machinery import PathFinder

        find = PathFinder.find_spec
        without = lambda cls, name, *rest: None if name in ("fakeredis", "lupa") else find(name, *rest)
        PathFinder.find_spec = classmethod(without)
        """
    )
    result = run(
        """
    def test_asks(spane):
        pass

    def test_does_not():
        assert load(7) == {"id": 7}
"""
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*needs fakeredis and lupa, which are not installed. Install what tests need: pip install 'spane[[]testing[]]'."
        ]
    )


def test_loading_the_plugin_loads_nothing_else():
    code = (
        "import sys, pytest; before = set(sys.modules); import spane.testing.plugin; "
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before} - {'spane', 'importlib'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(eval(done.stdout))
    assert loaded.isdisjoint({"pydantic", "dramatiq", "redis", "networkx", "fakeredis", "lupa", "msgspec"}), loaded


def test_a_workbench_costs_little(spane):
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        with Workbench() as inner:
            _ = inner.worker
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.05
