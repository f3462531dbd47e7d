"""recover_messages.lua"""

from __future__ import annotations

from typing import Any


def fetched(stage, *ids: str, worker: str, beat_ms: int, queue: str = "default") -> None:
    """Write what Dramatiq writes when a broker process has fetched messages."""
    stage.client.zadd("dramatiq:__heartbeats__", {worker: beat_ms})
    for name in ids:
        stage.client.sadd(f"dramatiq:__acks__.{worker}.{queue}", name)
        stage.client.hset(f"dramatiq:{queue}.msgs", name, b"message")


def recover(stage, now_ms: int, *queues: str) -> Any:
    return stage.store.call("recover_messages", now_ms, 60_000, *queues, on="dramatiq")


def test_messages_of_a_dead_process_go_back_to_their_queues(stage):
    fetched(stage, "a", "b", worker="dead", beat_ms=0)
    fetched(stage, "c", worker="dead", beat_ms=0, queue="other")
    fetched(stage, "d", worker="alive", beat_ms=90_000)
    assert 3 == recover(stage, 100_000, "default", "other")
    assert {b"a", b"b"} == set(stage.client.lrange("dramatiq:default", 0, -1))
    assert [b"c"] == stage.client.lrange("dramatiq:other", 0, -1)
    assert [b"alive"] == stage.client.zrange("dramatiq:__heartbeats__", 0, -1)
    before = stage.everything()
    assert 0 == recover(stage, 100_000, "default", "other")
    assert before == stage.everything()


def test_a_message_that_is_gone_is_forgotten(stage):
    fetched(stage, "a", worker="dead", beat_ms=0)
    stage.client.hdel("dramatiq:default.msgs", "a")
    assert 0 == recover(stage, 100_000, "default")
    assert [] == stage.client.lrange("dramatiq:default", 0, -1)


def test_a_process_with_more_than_one_call_may_move_stays_until_all_is_back(stage):
    fetched(stage, *(f"m{number}" for number in range(700)), worker="dead", beat_ms=0)
    assert 500 == recover(stage, 100_000, "default")
    assert [b"dead"] == stage.client.zrange("dramatiq:__heartbeats__", 0, -1)
    assert 200 == recover(stage, 100_000, "default")
    assert [] == stage.client.zrange("dramatiq:__heartbeats__", 0, -1)
