"""Clients tell what happened where the store has lost what they counted on, and never hang."""

from __future__ import annotations

import pytest

from spane import Engine, node, workflow
from spane.errors import KeyConflict, UnknownExecution


@pytest.fixture
def engine():
    with Engine.in_memory() as engine:
        yield engine


@node
def echoed_here(n: int) -> int:
    return n


@workflow
def echoing_here(n: int) -> int:
    return echoed_here(n)


def test_many_starts_store_a_plan_that_is_gone_again(engine):
    engine.start(echoing_here, {"n": 0}).result(timeout_s=10)
    engine.store.client.flushall()
    executions = engine.start_many(echoing_here, [{"n": 1}, {"n": 2}])
    assert [1, 2] == [execution.result(timeout_s=10) for execution in executions]


def test_many_starts_tell_which_key_belongs_to_others(engine):
    first, second = engine.start_many(echoing_here, [{"n": 1}, {"n": 2}], key="only-one")
    assert 1 == first.result(timeout_s=10)
    assert isinstance(second, KeyConflict)


def test_following_an_execution_that_is_gone_ends(engine):
    execution = engine.start(echoing_here, {"n": 1}, delay_s=3600)
    events = execution.events(follow=True)
    assert "execution_started" == next(events).kind
    engine.store.client.flushall()
    with pytest.raises(UnknownExecution):
        next(events)


def test_following_ends_where_the_terminal_event_was_trimmed_away(engine):
    execution = engine.start(echoing_here, {"n": 1})
    execution.result(timeout_s=10)
    engine.store.client.xtrim(engine.store.keys.events, maxlen=0)
    assert [] == list(execution.events(follow=True))
