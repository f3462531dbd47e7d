"""The watchdog interrupts an attempt's function and nothing else, and keeps little of what is over."""

from __future__ import annotations

import threading
import time

import pytest

from spane.runtime.claim import Claim
from spane.runtime.watchdog import AttemptInterrupted, Seat, Watchdog, hand_back


def claim(number: int = 0) -> Claim:
    return Claim((b"execution", b"node", b"s.%x" % number, b"plan", b"0;type;default;;;", 0, 0, b"", 5, []))


@pytest.fixture
def watchdog():
    made = Watchdog()
    yield made
    made.close()


def test_attempts_that_are_over_leave_few_entries_behind(watchdog):
    most = 0
    for number in range(20_000):
        with watchdog.guard(claim(number), 3_600_000):
            pass
        most = max(most, len(watchdog))
    assert most <= 130


def test_what_is_still_guarded_stays_when_others_are_cleared_away(watchdog):
    expired: list[str] = []
    watchdog.expire = lambda late, timeout_ms: expired.append(late.token)
    with pytest.raises(AttemptInterrupted), watchdog.guard(claim(0), 300):  # noqa: PT012 - it is the body that is hit
        for number in range(1, 2_000):
            other = threading.Thread(target=_guarded_shortly, args=(watchdog, claim(number)))
            if number % 100 == 0:
                other.start()
                other.join()
            else:
                _guarded_elsewhere(watchdog, number)
        while True:
            time.sleep(0.001)
    assert ["s.0"] == expired


def _guarded_shortly(watchdog: Watchdog, guarded: Claim) -> None:
    with watchdog.guard(guarded, 3_600_000):
        pass


def _guarded_elsewhere(watchdog: Watchdog, number: int) -> None:
    watched = watchdog._watch(claim(number), 3_600_000)
    watchdog._forget(watched)


def test_an_attempt_that_was_handed_back_before_its_function_began_does_not_begin():
    handed = claim()
    hand_back(handed)
    with pytest.raises(AttemptInterrupted):
        Seat(handed)


def test_a_thread_that_has_gone_on_is_not_interrupted():
    gone = claim()
    with Seat(gone):
        pass
    hand_back(gone)
    for _ in range(1_000):
        time.sleep(0)


def test_a_thread_is_interrupted_inside_its_function_only_however_the_race_goes():
    turn: list[Claim] = [claim()]
    stray: list[BaseException] = []
    stopped = threading.Event()

    def hit() -> None:
        while not stopped.is_set():
            hand_back(turn[0])

    hunter = threading.Thread(target=hit)
    hunter.start()
    hits = 0
    deadline = time.monotonic() + 2
    try:
        while time.monotonic() < deadline:
            turn[0] = claim()
            try:
                with Seat(turn[0]):
                    sum(range(50))
            except AttemptInterrupted:
                hits += 1
            sum(range(200))
    except AttemptInterrupted as error:
        stray.append(error)
    finally:
        stopped.set()
        hunter.join()
    assert [] == stray
    assert hits > 0


def test_a_timeout_that_cannot_be_told_does_not_end_the_watchdog(watchdog, caplog):
    expired: list[str] = []

    def expire(late: Claim, timeout_ms: int) -> None:
        expired.append(late.token)
        if len(expired) == 1:
            raise RuntimeError("a fault of ours")

    watchdog.expire = expire
    with watchdog.guard(claim(1), 10):
        deadline = time.monotonic() + 5
        while not expired and time.monotonic() < deadline:
            time.sleep(0.001)
    with pytest.raises(AttemptInterrupted), watchdog.guard(claim(2), 10):  # noqa: PT012 - it is the body that is hit
        while time.monotonic() < deadline:
            time.sleep(0.001)
    assert ["s.1", "s.2"] == expired
    assert "could not be told" in caplog.text
