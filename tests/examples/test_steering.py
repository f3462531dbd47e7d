"""The examples of steering run in memory, on the embedded store as they stand, and on Redis with a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spane import Engine
from tests.examples.conftest import imported
from tests.examples.test_unchanged import worker

ROOT = Path(__file__).parents[2]
FERRY = "the ferry does not sail"
TOLD = {
    "compensation": [
        "Vienna: flight to Vienna, hotel in Vienna after the flight to Vienna, car in Vienna",
        "Venice: failed at rent_car",
        "  book_hotel~undo succeeded",
        "  book_flight~undo succeeded",
        "  tell~on_failure succeeded",
    ],
    "breaker": [
        *(f"order {order} failed" for order in range(3)),
        "3 orders wait, for a breaker",
        *(f"order {order} is paid" for order in range(3, 6)),
        "the breaker of the bank is closed",
    ],
    "branching": [
        "a pen goes by post; told: who ordered a pen",
        "a clock goes by post, insured for 2.50; told: who ordered a clock",
        "a boat goes by ship, insured for 90.00; told: who ordered a boat, who sells a boat",
        "somebody asks what a tent would cost; told: who ordered a tent",
        "skipped for the pen: ask_for_quote, by_ship, insure, tell_manager",
    ],
    "delay": [
        "bread: baked for 1.0 s, and served in its time",
        "cake: baked for 0.5 s, and served in its time",
        "pie: baked for 0.0 s, and served in its time",
        "the past is refused: InputError",
    ],
    "control": [
        "rye is paused",
        "rye goes on: baked rye dough",
        "wheat is cancelled: the order was withdrawn",
    ],
    "dead_letters": [
        *(f"{name} failed" for name in ("letter", "box", "crate")),
        *(f"{name}: ferry failed after 2 attempts, ConnectionError: {FERRY}" for name in ("letter", "box", "crate")),
        "letter, packed, ferried, handed over",
        "box, packed, ferried, handed over",
        "crate stays failed",
    ],
    "approval": [
        "eve cannot say maybe: SignalRefused",
        "ada is paid 20.00 euros",
        "bob is paid 300.00 euros, approved by eve",
        "cyd is declined by eve",
        "dan is declined: nobody decided",
    ],
    "sub_workflows": [
        "class_1b failed",
        "Marks: 2.0 and 3.0",
        "7 children",
    ],
    "bulk": [
        "50 started, 1 refused",
        "first: Dear reader 0, read on",
        "50 paused",
        "resumed: {'scheduled': 10}",
        "again: {'IllegalTransition': 10}",
        "50 cancelled",
        "0 left",
    ],
    "limits": [
        "8 charges, 2 at once",
        "30 letters took more than a second",
        "orders of a customer one after the other",
        "stock is taken 1 at a time",
        "charge: 2 at once, 0 held, 0 waiting",
    ],
    "priority": [
        "the roast, a sandwich for the train, fish, soup, stew, porridge",
        "priority is 11; it goes from 1 (last) to 10 (first).",
    ],
    "deduplication": [
        "the same execution: True",
        "order 7 over 30.00",
        "asked for again it is completed, and the same: True",
        "other inputs are a conflict with that execution: True",
        "many at once are one: 1",
    ],
}


@pytest.fixture(params=sorted(TOLD))
def name(request):
    return request.param


@pytest.fixture
def example(name):
    yield from imported(name)


def test_it_runs_in_memory(name, example):
    with Engine.in_memory() as engine:
        assert TOLD[name] == example.main(engine)


@pytest.mark.redis
def test_it_runs_on_redis_with_a_worker(name, example, redis_url):
    with Engine(redis_url) as engine, worker(redis_url, name):
        assert TOLD[name] == example.main(engine)


def test_it_runs_on_the_embedded_store(name, tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SPANE_")}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py")],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "\n".join(TOLD[name]) + "\n") == (done.returncode, done.stdout), done.stderr
