"""Node types and drafts by hand, so that the graph is tested without the room that writes drafts."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable

import msgspec
import pytest

from spane.errors import Fault
from spane.model.draft import Call, Draft
from spane.model.expressions import Constant, Fields, Input, Items, Output
from spane.model.node_type import MISSING, Location, NodeOptions, NodeType, Parameter, ParameterKind

_KINDS = {
    inspect.Parameter.VAR_POSITIONAL: ParameterKind.VARIADIC,
    inspect.Parameter.VAR_KEYWORD: ParameterKind.KEYWORDS,
}


class Making:
    """Makes node types and drafts; `types` holds every node type made, by name."""

    def __init__(self) -> None:
        self.types: dict[str, NodeType] = {}

    def type(self, fn: Callable, *, name: str | None = None, kinds: dict | None = None, **options) -> NodeType:
        hints = typing.get_type_hints(fn, include_extras=True)
        parameters = tuple(
            Parameter(
                p.name,
                hints.get(p.name, MISSING),
                p.default,
                ParameterKind((kinds or {}).get(p.name, _KINDS.get(p.kind, ParameterKind.DATA))),
            )
            for p in inspect.signature(fn).parameters.values()
        )
        made = NodeType(
            name=fn.__name__ if name is None else name,
            fn=fn,
            parameters=parameters,
            returns=hints.get("return", MISSING),
            is_async=inspect.iscoroutinefunction(fn),
            options=NodeOptions(**options),
        )
        self.types[made.name] = made
        return made

    def call(
        self,
        node_type: NodeType | str,
        node: str | None = None,
        /,
        *args,
        line: int = 0,
        merged=(),
        after=(),
        config=None,
        options=None,
        **arguments,
    ) -> Call:
        name = node_type if isinstance(node_type, str) else node_type.name
        known = None if isinstance(node_type, str) else node_type
        return Call(
            id=name if node is None else node,
            type=name,
            node_type=known,
            arguments={key: self.source(value) for key, value in arguments.items()},
            args=[self.source(value) for value in args],
            merged=[self.source(value) for value in merged],
            after=list(after),
            options=(known.options if known else NodeOptions()).changed(**(options or {})),
            location=Location("flows.py", line),
            config=config or {},
        )

    def draft(self, *calls: Call, name: str = "flow", inputs=(), workflow_line: int = 0, **rest) -> Draft:
        declared = tuple(p if isinstance(p, Parameter) else Parameter(p) for p in inputs)
        return Draft(name, list(calls), inputs=declared, location=Location("flows.py", workflow_line), **rest)

    def fault(self, code: str, message: str) -> Fault:
        return Fault(code, message)

    def items(self, *sources) -> Items:
        return Items(tuple(self.source(one) for one in sources))

    def fields(self, **sources) -> Fields:
        return Fields(tuple((key, self.source(one)) for key, one in sources.items()))

    def source(self, value):
        if isinstance(value, (Constant, Input, Output, Items, Fields)):
            return value
        return Constant(msgspec.Raw(json.dumps(value).encode()))

    def raw(self, text: str) -> Constant:
        return Constant(msgspec.Raw(text.encode()))

    def chain(self, length: int) -> Draft:
        step = self.type(_step)
        calls = [self.call(step, "n0", value=Input("start"))]
        calls += [self.call(step, f"n{i}", value=Output(f"n{i - 1}")) for i in range(1, length)]
        return self.draft(*calls, inputs=[Parameter("start", int)])


def _step(value: int) -> int:
    return value


@pytest.fixture
def make() -> Making:
    return Making()
