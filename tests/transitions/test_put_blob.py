"""put_blob.lua"""

from __future__ import annotations

RAW = bytes(range(256)) * 1000


def test_1_keeps_the_value_until_the_execution_retires(stage):
    stage.start()
    (claim,) = stage.fetch()
    for _ in range(2):
        assert 1 == stage.call("put_blob", "x1", "only", claim.token, RAW)
    assert "Sc" == stage.letters()
    stage.commit(claim, payload=b"&" + claim.token.encode())
    assert {"only": RAW} == stage.store.outputs("x1", ["only"])
    assert 59_000 < stage.kept_ms(stage.keys.blobs("x1")) <= 60_000


def test_0_writes_nothing_for_an_attempt_that_does_not_hold_the_node(stage):
    stage.start()
    (claim,) = stage.fetch()
    stage.commit(claim)
    before = stage.everything()
    for execution, name in (("x1", "only"), ("x1", "nothing"), ("nobody", "only")):
        assert 0 == stage.call("put_blob", execution, name, claim.token, RAW)
    assert before == stage.everything()
