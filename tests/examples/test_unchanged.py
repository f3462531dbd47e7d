"""The examples run as they are: by `spane run` on the embedded store, and on Redis with a worker."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from spane import Engine, ExecutionFailed

ROOT = Path(__file__).parents[2]
PYTHON_FILES = f"| Python   | {len(list((ROOT / 'examples').glob('*.py'))):>5} |"


@contextmanager
def worker(url, module):
    """Run `dramatiq spane.worker examples.<module>` as its docstring says."""
    command = [sys.executable, "-m", "dramatiq", "spane.worker", f"examples.{module}", "-p", "1", "-t", "4"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "SPANE_REDIS_URL": url})
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def spane_run(folder, *arguments):
    """Run `spane run` in a folder of its own, without Redis."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPANE_")}
    return subprocess.run(
        [sys.executable, "-m", "spane.cli", "run", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


ORDER = {"order": {"id": 7, "country": "AT", "items": [{"name": "tea", "price": "4.50", "quantity": 2}]}}


@pytest.mark.redis
@pytest.mark.parametrize(
    ("module", "workflow", "inputs", "expected"),
    [
        ("quickstart", "weather", {"city": "Vienna"}, "Vienna: 12.7 degrees over 3 days"),
        ("quickstart", "forecast", {"city": "Lisbon"}, "Lisbon: 18.2 degrees over 2 days"),
        ("data_passing", "invoice", ORDER, "Invoice for order 7\n  2 x tea\n  to pay: 15.48"),
        ("retries", "shipment", {"parcel": "A-17"}, "A-17: 5.25; insure: no insurance for A-17"),
    ],
    ids=["weather", "forecast", "invoice", "shipment"],
)
def test_an_example_runs_on_redis_with_a_worker(request, redis_url, module, workflow, inputs, expected):
    example = request.getfixturevalue(module)
    with Engine(redis_url) as engine, worker(redis_url, module):
        assert expected == engine.start(getattr(example, workflow), inputs).result(timeout_s=30)


@pytest.mark.redis
def test_the_census_runs_on_redis_with_a_worker(census, redis_url, tmp_path):
    with Engine(redis_url) as engine, worker(redis_url, "census"):
        inputs = {"path": str(ROOT / "examples"), "chart": str(tmp_path / "census.svg")}
        shown = engine.start(census.census, inputs).result(timeout_s=30)
    assert PYTHON_FILES in shown
    assert (tmp_path / "census.svg").exists()


@pytest.mark.redis
def test_a_hopeless_shipment_fails_on_redis_with_the_node_and_its_error(retries, redis_url):
    with Engine(redis_url) as engine, worker(redis_url, "retries"):
        execution = engine.start(retries.hopeless, {"parcel": "A-17"})
        with pytest.raises(ExecutionFailed, match="A-17 is nowhere to be found") as caught:
            execution.result(timeout_s=30)
    assert "lose" == caught.value.node


def test_the_census_runs_on_the_embedded_store(tmp_path):
    ran = spane_run(tmp_path, str(ROOT / "examples" / "census.py"), f"path={ROOT / 'examples'}")
    assert 0 == ran.returncode, ran.stderr
    assert PYTHON_FILES in ran.stdout
    assert (tmp_path / "census.svg").exists()
    assert (tmp_path / ".spane").is_dir()


def test_the_quickstart_runs_by_itself():
    command = [sys.executable, str(ROOT / "examples" / "quickstart.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert [
        "[11.5, 14.0, 12.5]",
        "Vienna: 12.7 degrees over 3 days",
        "Lisbon: 18.2 degrees over 2 days",
    ] == ran.stdout.splitlines()


def test_a_hopeless_shipment_ends_spane_run_with_its_error(tmp_path):
    ran = spane_run(tmp_path, f"{ROOT / 'examples' / 'retries.py'}:hopeless", "parcel=A-17")
    assert 0 != ran.returncode
    assert "A-17 is nowhere to be found" in ran.stderr
