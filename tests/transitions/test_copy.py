"""copy.lua"""

from __future__ import annotations

from tests.transitions.conftest import CHAIN, PAIR


def copy(stage, nodes=("first",), entries=(), *, original="x1", kept_ms=60_000):
    return stage.call("copy", stage.now_ms, original, "x2", kept_ms, len(nodes), *nodes, *entries)


def test_results_are_copied_and_what_runs_first_is_put_aside_and_all_of_it_expires(stage):
    stage.run(CHAIN)
    assert ["ok"] == copy(stage, ["first"], ["kept|first", "cursor|x2|c:first|0"])
    assert ("D", "1", None) == (stage.state("first", "x2"), stage.field("@kept", "x2"), stage.field("@st", "x2"))
    assert b"1" == stage.client.hget(stage.keys.outputs("x2"), "first")
    assert [b"kept|first|replayed", b"cursor|x2|c:first|0|replayed"] == stage.client.lrange("s:{0}:k:x2", 0, -1)
    assert all(0 < stage.kept_ms(f"s:{{0}}:{name}:x2") <= 60_000 for name in "xok")


def test_large_values_are_copied_with_what_refers_to_them(stage):
    stage.start(CHAIN)
    [claim] = stage.fetch()
    stage.call("put_blob", "x1", "first", claim.token, b"large")
    stage.commit(claim, payload=b"&" + claim.token.encode())
    copy(stage)
    assert b"large" == stage.client.hget(stage.keys.blobs("x2"), claim.token)
    assert "1" == stage.field("@b", "x2")


def test_a_node_to_be_run_is_parked(stage):
    stage.run(PAIR)
    copy(stage, ["one"], ["node|two"])
    assert ("D", "P") == (stage.state("one", "x2"), stage.state("two", "x2"))


def test_unknown_and_changed_write_nothing(stage):
    stage.start(CHAIN)
    before = stage.everything()
    assert ["unknown"] == copy(stage, original="nobody")
    assert ["changed", "first"] == copy(stage)
    assert before == stage.everything()


def test_whom_a_router_chose_is_copied_along(stage):
    stage.start(PAIR)
    [one, _] = stage.fetch(2)
    stage.commit(one, route=",end,")
    copy(stage, [one.node])
    assert b",end," == stage.client.hget(stage.keys.outputs("x2"), f"@r:{one.node}")
