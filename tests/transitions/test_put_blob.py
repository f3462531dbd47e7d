"""put_blob.lua"""

from __future__ import annotations


def test_1_keeps_the_value_until_the_execution_retires(stage):
    stage.start()
    (claim,) = stage.fetch()
    raw = bytes(range(256)) * 1000
    for _ in range(2):
        assert 1 == stage.call("put_blob", "x1", claim.token, raw)
    stage.commit(claim, payload=b"&" + claim.token.encode())
    assert {"only": raw} == stage.store.outputs("x1", ["only"])
    assert 59_000 < stage.kept_ms(stage.keys.blobs("x1")) <= 60_000


def test_0_writes_nothing_where_the_execution_is_not(stage):
    assert 0 == stage.call("put_blob", "nobody", "w1.1", b"x")
    assert {} == stage.everything()
