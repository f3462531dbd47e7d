"""A parameter without an annotation receives what its source gives."""

from __future__ import annotations

from dataclasses import dataclass

from spane import node, workflow


@dataclass
class Point:
    x: int
    y: int


@dataclass
class Line:
    start: Point


@node
def inherited_line(x: int) -> Line:
    return Line(Point(x, 2))


@node
def inherited_whole(line) -> str:
    return type(line).__name__


@node
def inherited_part(point) -> str:
    return type(point).__name__


@node
def inherited_input(given) -> str:
    return type(given).__name__


@workflow
def inherited_types(given: Point) -> dict[str, str]:
    line = inherited_line(1)
    return {"whole": inherited_whole(line), "part": inherited_part(line.start), "input": inherited_input(given)}


def test_an_unannotated_parameter_takes_the_type_of_its_source(spane):
    assert spane.run(inherited_types, given=Point(0, 0)) == {"whole": "Line", "part": "Point", "input": "Point"}
