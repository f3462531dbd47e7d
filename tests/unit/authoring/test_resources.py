"""Resources: made once, closed in reverse, and what is said of wrong factories."""

from __future__ import annotations

import asyncio

import pytest

from spane import DefinitionError, SpaneError, node, use
from spane.authoring.resources import Resources, Use
from spane.model.node_type import ParameterKind


def test_a_resource_is_no_value_of_the_plan():
    def pool():
        yield 1

    @node
    def load(n: int, db: int = use(pool)) -> int: ...

    parameter = load.node_type.parameter("db")
    assert (ParameterKind.RESOURCE, pool, False) == (parameter.kind, parameter.default.factory, parameter.required)
    assert "use(pool)" == repr(parameter.default)
    assert Use(pool) == parameter.default


def test_a_factory_that_is_no_generator_is_refused(marked):
    def pool():
        return 1

    with pytest.raises(DefinitionError, match="needs a generator function that yields the resource once") as caught:
        use(pool)  # here
    assert marked(test_a_factory_that_is_no_generator_is_refused) == caught.value.faults[0].where


def test_resources_close_in_reverse_order_and_can_be_made_again():
    told = []

    def settings():
        told.append("settings")
        yield {"url": "x"}
        told.append("settings closed")

    def pool(settings=use(settings)):
        told.append(f"pool {settings['url']}")
        yield "pool"
        told.append("pool closed")

    made = Resources()
    assert ["pool", "pool", {"url": "x"}] == [made.get(pool), made.get(pool), made.get(settings)]
    made.close()
    made.close()
    assert ["settings", "pool x", "pool closed", "settings closed"] == told
    assert "pool" == made.get(pool)
    made.close()


def test_a_factory_yields_exactly_once():
    def none():
        return
        yield

    def twice():
        yield 1
        yield 2

    made = Resources()
    with pytest.raises(SpaneError, match="none' yielded nothing; it must yield once"):
        made.get(none)
    made.get(twice)
    with pytest.raises(ExceptionGroup) as caught:
        made.close()
    assert "yielded a second time; it must yield once" in str(caught.value.exceptions[0])


def test_what_factories_raise_is_the_users_own():
    def broken():
        raise OSError("no route")
        yield

    def stuck():
        yield 1
        raise OSError("still open")

    def fine():
        yield 2
        closed.append(1)

    closed = []
    made = Resources()
    with pytest.raises(OSError, match="no route"):
        made.get(broken)
    made.get(fine)
    made.get(stuck)
    with pytest.raises(ExceptionGroup, match="Resources could not be closed"):
        made.close()
    assert [1] == closed


def test_an_async_factory_runs_on_the_loop_it_is_given():
    told = []

    async def pool():
        await asyncio.sleep(0)
        yield "pool"
        told.append("closed")

    with asyncio.Runner() as runner:
        made = Resources(run=runner.run)
        assert "pool" == made.get(pool)
        made.close()
    assert ["closed"] == told


def test_an_async_factory_without_a_loop_says_what_to_do():
    async def pool():
        yield 1

    @node
    def load(db: int = use(pool)) -> int:
        return db

    with pytest.raises(SpaneError, match="In a plain call pass the resource as an argument"):
        load()
    assert 5 == load(5)
