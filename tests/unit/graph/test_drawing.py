"""Drafts drawn as text, Mermaid and SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from spane import node, repeat_until, workflow
from spane.graph import draw
from spane.model.expressions import Input, Output
from spane.model.node_type import Parameter

SVG = "{http://www.w3.org/2000/svg}"


def step(value: int = 1) -> int:
    return value


def spread(*values: int) -> int:
    return len(values)


@pytest.fixture
def census(make):
    walk, spread_type = make.type(step, name="walk"), make.type(spread)
    calls = [make.call(walk, value=Input("folder"))]
    calls += [make.call(make.type(step, name=name), value=Output("walk", ("files",))) for name in ("lines", "sizes")]
    calls.append(make.call(spread_type, "report", Output("lines"), Output("sizes")))
    calls.append(make.call(make.type(step, name="chart"), value=Output("report"), after=["walk"]))
    return make.draft(*calls, name="census", inputs=["folder", Parameter("deep", bool, False)])


def test_the_text_tree(census):
    assert (
        "census(folder, deep)\n"
        "walk\n"
        "├─ lines\n"
        "│  ↓ report (below)\n"
        "├─ sizes\n"
        "│  ↓ report: spread (takes lines, sizes)\n"
        "│  ↓ chart (below)\n"
        "└─ chart (takes report, after walk)\n"
    ) == draw.text(census)


def test_a_chain_is_not_indented(make):
    assert "flow(start)\nn0: _step\n↓ n1: _step\n↓ n2: _step\n" == draw.text(make.chain(3))


def test_a_node_that_only_runs_after_another(make):
    step_type = make.type(step)
    draft = make.draft(make.call(step_type, "a"), make.call(step_type, "b", after=["a"]))
    assert "flow\na: step\n↓ b: step (after a)\n" == draw.text(draft)


def test_a_join_of_many_names_a_few(make):
    step_type = make.type(step)
    calls = [make.call(step_type, f"n{i}") for i in range(9)]
    draft = make.draft(*calls, make.call(make.type(spread), "end", *[Output(f"n{i}") for i in range(9)]))
    assert "end: spread (takes n0, n1, n2, n3 and 5 more)" in draw.text(draft)


def test_deep_branches_go_on_below(make):
    step_type = make.type(step)
    calls = [make.call(step_type, "n0")]
    for i in range(1, 60):
        calls.append(make.call(step_type, f"n{i}", value=Output(f"n{i - 1}")))
        calls.append(make.call(step_type, f"leaf{i}", value=Output(f"n{i - 1}")))
    drawn = draw.text(make.draft(*calls))
    assert all(f" n{i}: step\n" in f" {drawn}" or f"\nn{i}: step\n" in drawn for i in range(60))
    assert "... goes on with n20" in drawn
    assert max(map(len, drawn.splitlines())) < 100


def test_every_node_has_one_line_of_its_own(census, make):
    lines = draw.text(census).splitlines()[1:]
    own = [line for line in lines if "(below)" not in line]
    assert len(census.calls) == len(own)


def test_nodes_on_a_cycle_are_drawn_too(make):
    step_type = make.type(step)
    draft = make.draft(
        make.call(step_type, "a", value=Output("b")),
        make.call(step_type, "b", value=Output("a")),
        make.call(step_type, "c", value=Output("b")),
    )
    assert "flow\na: step\n↓ b: step\n├─ a (above)\n└─ c: step\n" == draw.text(draft)


def test_text_steers_no_terminal(make):
    drawn = draw.text(make.draft(make.call(make.type(step), "\x1b[2J")))
    assert "\x1b" not in drawn
    assert "\ufffd[2J: step" in drawn


def test_mermaid(census):
    assert (
        "---\n"
        'title: "census(folder, deep)"\n'
        "---\n"
        "flowchart LR\n"
        '    n0["walk"]\n'
        '    n1["lines"]\n'
        '    n2["sizes"]\n'
        '    n3["report<br/><small>spread</small>"]\n'
        '    n4["chart"]\n'
        '    n0 -->|".files as value"| n1\n'
        '    n0 -->|".files as value"| n2\n'
        '    n1 -->|"values"| n3\n'
        '    n2 -->|"values"| n3\n'
        '    n3 -->|"value"| n4\n'
        '    n0 -.->|"after"| n4\n'
    ) == draw.mermaid(census)


def test_mermaid_escapes_what_it_would_take_for_its_own(make):
    drawn = draw.mermaid(make.draft(make.call(make.type(step), 'a"]; x<b>#'), name='w"\n---'))
    assert "a#34;#93;#59; x#60;b#62;#35;" in drawn
    assert 'title: "w  ---"' in drawn


def test_svg_is_sound_xml_with_every_node_and_edge(census):
    root = ET.fromstring(draw.svg(census))
    assert f"{SVG}svg" == root.tag
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert "census(folder, deep)" == titles[0]
    assert {"walk", "lines", "sizes", "report: spread", "chart"} < set(titles)
    assert {"walk to lines: .files as value", "report to chart: value", "walk to chart: after"} < set(titles)


def boxes(root):
    found = {}
    for group in root.iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        found[group.find(f"{SVG}title").text.partition(":")[0]] = {
            name: float(box.get(name)) for name in ("x", "y", "width", "height")
        }
    return found


def test_svg_places_every_node_right_of_its_parents(census):
    found = boxes(ET.fromstring(draw.svg(census)))
    for source, target in [("walk", "lines"), ("walk", "sizes"), ("lines", "report"), ("report", "chart")]:
        assert found[source]["x"] + found[source]["width"] < found[target]["x"]


def test_svg_nodes_do_not_overlap_and_lie_inside(make):
    step_type, spread_type = make.type(step), make.type(spread)
    calls = [make.call(step_type, f"node_{i}") for i in range(8)]
    calls += [
        make.call(
            spread_type, f"join_with_a_long_name_{i}", *[Output(calls[(i * k) % len(calls)].id) for k in (1, 3, 5)]
        )
        for i in range(40)
    ]
    root = ET.fromstring(draw.svg(make.draft(*calls)))
    found = list(boxes(root).values())
    width, height = float(root.get("width")), float(root.get("height"))
    for number, one in enumerate(found):
        assert 0 <= one["x"] <= one["x"] + one["width"] <= width
        assert 0 <= one["y"] <= one["y"] + one["height"] <= height
        for other in found[number + 1 :]:
            apart = (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"]
                or other["y"] + other["height"] <= one["y"]
            )
            assert apart


def test_svg_has_no_crossings_that_an_order_avoids(make):
    step_type, spread_type = make.type(step), make.type(spread)
    calls = [make.call(step_type, name) for name in ("a", "b", "c")]
    calls += [make.call(spread_type, f"under_{name}", Output(name)) for name in ("c", "a", "b")]
    found = boxes(ET.fromstring(draw.svg(make.draft(*calls))))
    for first, second in [("a", "b"), ("a", "c"), ("b", "c")]:
        above = found[first]["y"] < found[second]["y"]
        assert above == (found[f"under_{first}"]["y"] < found[f"under_{second}"]["y"])


def test_svg_escapes_and_replaces_what_xml_cannot_carry(make):
    draft = make.draft(make.call(make.type(step), '<a href="x">&\'\x00'), name="</title><script>")
    drawn = draw.svg(draft)
    titles = [one.text for one in ET.fromstring(drawn).iter(f"{SVG}title")]
    assert ["</title><script>", '<a href="x">&\'\ufffd: step'] == titles
    assert "<script" not in drawn


def test_svg_shortens_long_names_but_not_in_tooltips(make):
    name = "n" * 150
    root = ET.fromstring(draw.svg(make.draft(make.call(make.type(step), name))))
    (label,) = [one.text for one in root.iter(f"{SVG}text") if one.get("class") == "id"]
    assert 35 == len(label)
    assert f"{name}: step" in [one.text for one in root.iter(f"{SVG}title")]


def test_svg_of_a_cycle_marks_the_edge_that_goes_back(make):
    step_type = make.type(step)
    draft = make.draft(make.call(step_type, "a", value=Output("b")), make.call(step_type, "b", value=Output("a")))
    edges = [one.get("class") for one in ET.fromstring(draw.svg(draft)).iter(f"{SVG}path")][1:]
    assert ["edge", "edge back"] == sorted(edges)


@pytest.mark.parametrize("drawn", [draw.text, draw.mermaid, draw.svg])
def test_a_node_that_runs_a_workflow_says_which(drawn):
    @node
    def step_once(n: int) -> int:
        return n

    @workflow
    def inner(n: int) -> int:
        return step_once(n)

    @workflow
    def outer(n: int) -> int:
        return repeat_until(inner.named("again"), inner(n), lambda m: m > 1, 3)

    said = drawn(outer.draft)
    assert "workflow inner" in said
    assert "repeats workflow inner" in said


@pytest.mark.parametrize("drawn", [draw.text, draw.mermaid, draw.svg])
def test_an_empty_draft_can_be_drawn(make, drawn):
    assert "flow" in drawn(make.draft())
