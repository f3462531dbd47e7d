"""Many starts at once: of each it is told whether it was started, and all of them can safely be started again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from spane import Engine, Execution, InputError, node, workflow
from spane.errors import StoreFull, StoreUnavailable
from spane.runtime import overview
from spane.settings import Settings
from tests.servers import forget_scripts

pytestmark = pytest.mark.redis

MANY = 300


@node
def weighed(text: str) -> int:
    return len(text)


@workflow
def weighing(text: str) -> int:
    return weighed(text)


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def engine(server):
    with Engine(settings=Settings(redis_url=server.url)) as engine:
        yield engine


def test_where_redis_takes_some_of_many_each_is_told_apart_and_a_retry_starts_the_rest(server, engine):
    client = server.client()
    inputs = [{"text": f"{number} {'x' * 50_000}"} for number in range(MANY)]
    keys = [f"item {number}" for number in range(MANY)]
    engine.register(weighing)
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 6_000_000)
    first = engine.start_many(weighing, inputs, keys=keys)
    started = {at: one.id for at, one in enumerate(first) if isinstance(one, Execution)}
    assert 0 < len(started) < MANY
    assert {StoreFull} == {type(one) for one in first if not isinstance(one, Execution)}
    assert sorted(started.values()) == overview.active(engine.store)
    client.config_set("maxmemory", 0)
    second = engine.start_many(weighing, inputs, keys=keys)
    assert all(isinstance(one, Execution) for one in second)
    assert started == {at: second[at].id for at in started}
    assert sorted(one.id for one in second) == overview.active(engine.store)


def test_where_redis_goes_away_each_is_told_by_its_id_and_the_rest_is_not_tried(server, engine):
    engine.start_many(weighing, [{"text": ""}])
    server.kill()
    told = engine.start_many(weighing, [{"text": str(number)} for number in range(MANY)])
    assert {StoreUnavailable} == {type(one) for one in told}
    assert all(f"see whether engine.get({one.execution!r}) finds it" in str(one) for one in told[:200])
    assert all(str(one).endswith("It was not even tried to start this one.") for one in told[200:])


def test_one_start_whose_reply_is_lost_tells_its_id(server, engine):
    engine.start(weighing, {"text": ""})
    server.kill()
    with pytest.raises(StoreUnavailable) as caught:
        engine.start(weighing, {"text": "a"}, key="a")
    assert "If it is to be started once only, start it again with its key." in str(caught.value)
    assert 36 == len(caught.value.execution)


def test_a_script_that_redis_forgot_is_sent_again_for_all(server, engine):
    engine.start_many(weighing, [{"text": ""}])
    forget_scripts(server.client())
    assert all(isinstance(one, Execution) for one in engine.start_many(weighing, [{"text": "a"}, {"text": "b"}]))


def test_a_bad_key_is_told_for_its_item_and_stops_no_other(engine):
    good, bad, none = engine.start_many(weighing, [{"text": "a"}, {"text": "b"}, {"text": "c"}], keys=["a", "|", None])
    assert isinstance(good, Execution)
    assert isinstance(none, Execution)
    assert isinstance(bad, InputError)
    assert "key is '|'" in str(bad)


def test_many_starts_are_held_together_each_by_its_own_key(engine):
    inputs, keys = [{"text": text} for text in ("a", "b", "c")], ["one", "two", "one"]
    first, other, last = engine.start_many(weighing, inputs, keys=keys, debounce_s=3600)
    assert (first.id, "scheduled") == (last.id, first.status())
    assert first.id != other.id
    throttled = engine.start_many(weighing, inputs, keys=["three", "four", None], throttle_s=3600)
    assert "throttle_s goes by a key; give key as well" in str(throttled[2])
    assert throttled[0].id == engine.start(weighing, {"text": "d"}, key="three", throttle_s=3600).id
    for one in (first, other):
        one.cancel()


@pytest.mark.parametrize("options", [{"keys": ["a"]}, {"keys": "ab"}, {"keys": ["a", "b"], "key": "c"}])
def test_keys_that_do_not_match_the_inputs_are_refused(engine, options):
    with pytest.raises(InputError, match="keys has one key, or None, for each of the 2 inputs"):
        engine.start_many(weighing, [{"text": "a"}, {"text": "b"}], **options)
    assert [] == engine.executions()


def test_many_retries_at_once_with_the_same_keys_start_each_once(engine):
    inputs, keys = [{"text": str(number)} for number in range(20)], [f"key {number}" for number in range(20)]
    with ThreadPoolExecutor(4) as threads:
        tries = list(threads.map(lambda _: engine.start_many(weighing, inputs, keys=keys), range(4)))
    assert 1 == len({tuple(one.id for one in each) for each in tries})
    assert 20 == len(overview.active(engine.store))
