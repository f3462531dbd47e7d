"""A missing `await` is told where it is missing, and by the name of the function that was called."""

from __future__ import annotations

import asyncio

import pytest

from spane import DefinitionError, InputError, node, workflow
from spane.errors import ResultNotSerialisable


async def helped(n: int) -> int:
    return n


@node
async def fetched(n: int) -> int:
    return n


def test_an_async_node_that_does_not_await_another_is_told_so(spane):
    @node
    async def forgetful(n: int) -> int:
        return fetched(n)

    with pytest.raises(ResultNotSerialisable) as caught:
        spane.run(workflow.of("flow", forgetful), n=1)
    assert (
        "Node 'forgetful' returned a value that is refused. The value cannot become JSON: result is the coroutine of the "
        "async function 'fetched', which was called without `await`. Write `await` before the call, in a function that is "
        "`async def` itself."
    ) == str(caught.value)


def test_a_sync_node_that_calls_an_async_function_is_told_so(spane):
    @node
    def hopeless(n: int) -> int:
        return helped(n)

    with pytest.raises(ResultNotSerialisable, match="the async function 'helped', which was called without `await`"):
        spane.run(workflow.of("flow", hopeless), n=1)


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value]])
def test_a_body_that_calls_an_async_function_that_is_no_node_is_told_so(wrap):
    @workflow
    def passing(n: int):
        return fetched(wrap(helped(1)))

    with pytest.raises(DefinitionError) as caught:
        _ = passing.plan
    [fault] = caught.value.faults
    assert "coroutine" == fault.code
    assert (
        "is the coroutine of the async function 'helped', and a body only calls nodes. Decorate that function with "
        "@node; its call in the body is its value then, without `await`."
    ) in fault.message


def test_an_input_that_is_a_coroutine_is_told_so():
    with pytest.raises(InputError, match="n: it is the coroutine of the async function 'helped', which was called"):
        workflow.of("flow", fetched).encode_inputs({"n": helped(1)})


def test_python_names_the_node_that_nobody_awaited():
    async def main():
        coroutine = fetched(3)
        named = (coroutine.__name__, coroutine.__qualname__)
        return named, await coroutine

    assert (("fetched", "fetched"), 3) == asyncio.run(main())
