"""What a process holds, while threads end claims and the pump counts them."""

from __future__ import annotations

import sys
import threading

import pytest

from spane.runtime.claim import Claim
from spane.runtime.holdings import Holdings


@pytest.fixture
def eager_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_room_is_counted_while_threads_end_claims(eager_switches):
    holdings, stop = Holdings(threads=64, on_loop=0), threading.Event()

    def work(name: bytes) -> None:
        claim = Claim([b"x", b"n", name, b"p", b"0;work;default;;;", b"0", b"0", b"", b"5", []])
        while not stop.is_set():
            holdings.add(claim)
            holdings.begin(claim)
            holdings.end(claim)

    threads = [threading.Thread(target=work, args=(b"w.%d" % number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3_000):
            holdings.room()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
