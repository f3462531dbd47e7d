"""renew.lua"""

from __future__ import annotations


def test_the_lease_is_longer_and_the_session_was_new(stage):
    assert (False, 0, 0, []) == stage.store.renew("w1", "0")
    assert stage.now_ms + 5000 == stage.client.zscore(stage.keys.sessions, "w1")
    stage.clock.advance(1000)
    for _ in range(2):
        assert (True, 0, 0, []) == stage.store.renew("w1", "0")
    assert stage.now_ms + 5000 == stage.client.zscore(stage.keys.sessions, "w1")
    assert "" == stage.letters()


def test_a_session_that_was_rescued_hears_of_it(stage):
    stage.store.renew("w1", "0")
    stage.clock.advance(6000)
    stage.store.rescue()
    assert not stage.store.renew("w1", "0")[0]


def test_what_the_session_holds_and_what_nobody_fits_is_told(stage):
    stage.start()
    (claim,) = stage.fetch()
    assert (0, 1) == stage.store.renew("w1", "0")[1:3]
    stage.commit(claim, "u", b"work.1", extra="why", spends=0)
    assert (1, 0) == stage.store.renew("w1", "0")[1:3]


def test_notices_are_told_once_and_at_most_100_at_a_time(stage):
    for number in range(120):
        stage.start(execution=f"x{number}")
    stage.fetch(threads=200)
    for number in range(120):
        stage.cancel(f"x{number}")
    *_, first = stage.store.renew("w1", "0")
    *_, second = stage.store.renew("w1", first[-1][0])
    assert [f"cancel|x{number}|" for number in range(120)] == [text for _, text in first + second]
    assert 100 == len(first)
    assert [] == stage.store.renew("w1", second[-1][0])[3]


def test_what_it_serves_stands_beside_the_length_of_its_lease_and_goes_with_it(stage):
    stage.store.renew("w1", "0", "app-1:4711|default|")
    assert b"5000|app-1:4711|default|" == stage.client.hget(stage.keys.leases, "w1")
    # A lease that ends later than it is long was renewed before the clock was set back.
    stage.client.zadd(stage.keys.sessions, {"w1": stage.now_ms + 3_600_000})
    assert 0 == stage.store.rescue()
    assert stage.now_ms + 5_000 == stage.client.zscore(stage.keys.sessions, "w1")
    stage.store.leave("w1")
    assert {} == stage.everything()


def test_it_says_how_what_waits_for_a_limit_ages(stage):
    key = f"{stage.keys.prefix}ageing"
    for step, kept in (("60000", b"60000"), ("60000", b"60000"), ("500", b"500"), ("0", None)):
        stage.call("renew", stage.now_ms, "w1", 5000, "0", "", 100, step)
        assert kept == stage.client.get(key)
