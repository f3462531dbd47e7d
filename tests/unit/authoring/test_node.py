"""What can be a node, and what is said of everything else."""

from __future__ import annotations

import functools
import inspect

import pytest

from spane import DefinitionError, Retry, node, workflow
from spane.authoring import registry
from spane.model.expressions import Output
from spane.model.node_type import MISSING, NodeOptions, ParameterKind


def refusal(target, **options):
    with pytest.raises(DefinitionError) as caught:
        node(**options)(target)
    assert 1 == len(caught.value.faults)
    return caught.value.faults[0]


def test_a_function_becomes_a_node_without_arguments():
    @node
    def fetch(url: str, depth: int = 2) -> bytes:
        """Fetch a page."""
        return url.encode() * depth

    assert b"aa" == fetch("a")
    assert ("fetch", "Fetch a page.", __name__) == (fetch.__name__, fetch.__doc__, fetch.__module__)
    assert "(url: 'str', depth: 'int' = 2) -> 'bytes'" == str(inspect.signature(fetch))
    made = fetch.node_type
    assert ("fetch", False, bytes) == (made.name, made.is_async, made.returns)
    assert [("url", str, MISSING), ("depth", int, 2)] == [(p.name, p.annotation, p.default) for p in made.parameters]
    assert made is registry.default.get("fetch")
    assert made.location.file == __file__


def test_options_stand_on_the_decorator():
    @node(
        name="shop.charge",
        retry=Retry(attempts=5),
        timeout_s=10,
        queue="money",
        priority=8,
        delay_s=0.5,
        on_failure="continue",
        version="2",
        was="charge_card",
    )
    def charge(total: float) -> str: ...

    made = charge.node_type
    expected = NodeOptions(Retry(attempts=5).policy(), 10, "money", 8, 0.5, "continue", "2")
    assert ("shop.charge", expected, ("charge_card",)) == (made.name, made.options, made.was)
    assert made is registry.default.get("charge_card")


def test_empty_parentheses_are_as_good_as_none():
    @node()
    def fetch() -> int:
        return 1

    assert 1 == fetch()


def test_every_kind_of_parameter_is_told_apart():
    @node
    def mix(first, /, second, *rest, third=3, **more): ...

    assert [
        ("first", ParameterKind.DATA, True),
        ("second", ParameterKind.DATA, False),
        ("rest", ParameterKind.VARIADIC, False),
        ("third", ParameterKind.DATA, False),
        ("more", ParameterKind.KEYWORDS, False),
    ] == [(p.name, p.kind, p.positional_only) for p in mix.node_type.parameters]


def test_an_async_function_is_a_node_typed_as_its_awaited_value():
    @node
    async def fetch(url: str) -> bytes:
        return url.encode()

    assert fetch.node_type.is_async
    assert bytes is fetch.node_type.returns


def test_a_class_with_call_is_made_once_at_its_first_call():
    made = []

    @node
    class FetchPage:
        def __init__(self):
            made.append(self)

        def __call__(self, url: str) -> str:
            return f"{len(made)} {url}"

    assert ("FetchPage", "(url: 'str') -> 'str'") == (FetchPage.node_type.name, str(inspect.signature(FetchPage)))
    assert [] == made
    assert ["1 a", "1 b", "1 c"] == [FetchPage("a"), FetchPage("b"), FetchPage.node_type.fn("c")]


def test_a_class_goes_by_the_spelling_of_functions_in_bodies():
    @node
    class FetchPage:
        async def __call__(self, url: str) -> str: ...

    @node
    def parse(fetch_page: str) -> int: ...

    read = workflow.of("read", FetchPage, parse)
    assert FetchPage.node_type.is_async
    assert Output("fetch_page") == read.draft.calls[1].arguments["fetch_page"]


def test_a_wrapped_function_keeps_the_signature_of_what_it_wraps():
    def logged(fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            return fn(*args, **kwargs)

        return wrapper

    @node
    @logged
    def fetch(url: str) -> int: ...

    assert ["url"] == [p.name for p in fetch.node_type.parameters]
    assert int is fetch.node_type.returns


def test_a_node_shows_itself():
    @node
    def fetch(): ...

    assert repr(fetch).startswith(f"<node 'fetch' at {__file__}:")
    assert "<node 'fetch' named 'again' at" in repr(fetch.named("again"))


def test_a_lambda_is_refused():
    fault = refusal(lambda: 1)
    assert ("bad-node", "a lambda has no name by which a worker could find it. Write a def.") == (
        fault.code,
        fault.message,
    )
    assert fault.where.startswith(f"{__file__}:")


def test_generators_are_refused():
    def pages():
        yield 1

    async def stream():
        yield 1

    class Pages:
        def __call__(self):
            yield 1

    for target in (pages, stream, Pages):
        assert "is a generator, and a node has one result. Return a list" in refusal(target).message


def test_bound_methods_and_methods_are_refused():
    class Shop:
        def charge(self): ...

    assert "Shop.charge is a bound method, and a worker has no such object" in refusal(Shop().charge).message
    assert "Shop.charge is a method, and a worker has no `self` for it" in refusal(Shop.charge).message


def test_what_has_no_name_of_its_own_is_refused():
    def add(a, b): ...

    class Adder:
        def __call__(self): ...

    for target in (functools.partial(add, 1), Adder(), len, staticmethod(add)):
        assert "is no Python function: a worker finds a node by its module and name" in refusal(target).message


def test_a_class_that_needs_arguments_or_has_no_call_is_refused():
    class Fetch:
        def __init__(self, session): ...
        def __call__(self): ...

    class Empty: ...

    assert "cannot be made without arguments (missing a required argument: 'session')" in refusal(Fetch).message
    assert "has no __call__ method, so there is nothing to run" in refusal(Empty).message


def test_a_node_or_workflow_cannot_be_decorated_again():
    @node
    def fetch(): ...

    @workflow
    def flow(): ...

    assert "it is a node already" in refusal(fetch).message
    assert "it is a workflow already" in refusal(flow).message


@pytest.mark.parametrize("name", ["", "a b", "a|b", 7])
def test_a_name_that_plans_cannot_hold_is_refused(name):
    def fetch(): ...

    fault = refusal(fetch, name=name)
    assert "bad-name" == fault.code
    assert f"{name!r} cannot be the name of a node type; a name has 1 to 200 letters" in fault.message


def test_an_id_that_plans_cannot_hold_is_refused():
    @node
    def fetch(): ...

    with pytest.raises(DefinitionError, match="'a b' cannot be a node's id; an id has 1 to 200 letters"):
        fetch.named("a b")


def test_named_and_options_leave_the_node_itself_alone():
    @node(timeout_s=3)
    def fetch() -> int: ...

    @workflow
    def flow():
        return fetch.named("slow").options(timeout_s=60)(), fetch()

    assert [("slow", 60), ("fetch", 3)] == [(call.id, call.options.timeout_s) for call in flow.draft.calls]
    assert 3 == fetch.node_type.options.timeout_s
