"""`spane.crash_everywhere`: which crash makes what run twice."""

from __future__ import annotations

from collections import Counter

import pytest

from spane import Context, ExecutionFailed, Limit, Retry, current, node, workflow


@pytest.fixture
def charged():
    return []


@pytest.fixture
def paying(charged):
    @node
    def reckon(amount: int) -> int:
        return 2 * amount

    @node
    async def charge(amount: int, context: Context = current()) -> str:
        charged.append(context.idempotency_key)
        return f"charged {amount}"

    @node
    def receipt(amount: int, charge: str) -> str:
        return f"{charge} of {amount}"

    @workflow
    def pay(amount: int) -> str:
        reckoned = reckon(amount)
        return receipt(reckoned, charge(reckoned))

    return pay


def test_every_commit_is_crashed_before_and_after(spane, paying):
    crashes = list(spane.crash_everywhere(paying, {"amount": 2}))
    assert [
        (None, "before"),
        *((name, moment) for name in ("reckon", "charge", "receipt") for moment in ("before", "after")),
    ] == [(crash.node, crash.moment) for crash in crashes]
    assert {"charged 4 of 4"} == {crash.result for crash in crashes}
    assert {"completed"} == {crash.status for crash in crashes}


def test_only_a_crash_before_the_commit_runs_a_node_twice(spane, paying):
    for crash in spane.crash_everywhere(paying, {"amount": 2}):
        assert ({crash.node: 2} if crash.moment == "before" and crash.node else {}) == crash.ran_twice, crash


def test_a_test_sees_what_nodes_did_in_each_run(spane, paying, charged):
    times = {}
    for crash in spane.crash_everywhere(paying.bind(amount=2)):
        times[crash.node, crash.moment] = len(charged)
        assert 1 == len(set(charged)), "the idempotency key is the same in every attempt"
        charged.clear()
    assert 2 == times.pop(("charge", "before"))
    assert {1} == set(times.values())


def test_retries_are_crashed_too(spane):
    @node(retry=Retry(attempts=2, base_s=5))
    def flaky_once(context: Context = current()) -> int:
        if context.attempt == 1:
            raise ConnectionError("once")
        return context.attempt

    @workflow
    def trying() -> int:
        return flaky_once()

    crashes = list(spane.crash_everywhere(trying))
    assert [(None, 0), ("flaky_once", 1), ("flaky_once", 1), ("flaky_once", 2), ("flaky_once", 2)] == [
        (crash.node, crash.attempt) for crash in crashes
    ]
    assert [2] * 5 == [crash.result for crash in crashes]
    assert "crash before the commit of 'flaky_once', attempt 1: completed; ran flaky_once 3 times" == str(crashes[1])
    assert "no crash: completed; ran flaky_once 2 times" == str(crashes[0])


def test_a_run_that_fails_says_so(spane):
    seen = []

    @node(retry=Retry(attempts=1))
    def once(order_id: int) -> int:
        if order_id in seen:
            raise ValueError("seen before")
        seen.append(order_id)
        return order_id

    @workflow
    def onced(order_id: int) -> int:
        return once(order_id)

    plain, before, after = _each(spane.crash_everywhere(onced, {"order_id": 1}), seen.clear)
    assert ("completed", "failed", "completed") == (plain.status, before.status, after.status)
    with pytest.raises(ExecutionFailed, match="seen before"):
        _ = before.result


def _each(crashes, clean_up):
    for crash in crashes:
        clean_up()
        yield crash


def test_a_replaced_node_stays_replaced(spane, paying):
    replacement = spane.replace("charge", with_="free")
    assert {"free of 4"} == {crash.result for crash in spane.crash_everywhere(paying, {"amount": 2})}
    assert 8 == len(replacement.calls)


def test_a_map_bears_a_crash_at_each_of_its_commits(spane):
    @node
    def upto(count: int) -> list[int]:
        return list(range(count))

    @node
    def doubled(n: int) -> int:
        return 2 * n

    @workflow
    def mapped(count: int) -> list[int]:
        return doubled.map(upto(count))

    crashes = list(spane.crash_everywhere(mapped, {"count": 2}))
    assert {"doubled", "doubled#0", "doubled#1", "upto", None} == {crash.node for crash in crashes}
    assert [[0, 2]] * len(crashes) == [crash.result for crash in crashes]


def test_nodes_whose_limit_goes_by_a_key_crash_where_they_commit_and_where_they_are_sorted(spane):
    @node(limit=Limit(concurrency=1, key="order"))
    def pack(order: int) -> int:
        return order

    @node
    def count(packed: list[int]) -> int:
        return len(packed)

    @workflow
    def packing(order: int) -> int:
        return count([pack.named("one")(order), pack.named("two")(order)])

    crashes = list(spane.crash_everywhere(packing, {"order": 7}))
    assert {2} == {crash.result for crash in crashes}
    # Both are sorted and then run, whichever is first.
    assert {("one", 4), ("two", 4), ("count", 2), (None, 1)} == set(Counter(crash.node for crash in crashes).items())
    twice = [crash.node for crash in crashes if crash.ran_twice]
    assert sorted(twice) == ["count", "one", "two"]
