import json
import xml.etree.ElementTree as ET


def test_a_graph_is_drawn_as_a_tree(run):
    assert "pack(name, order)\ncount\n↓ label\n" == run("graph", "shop.py:pack").stdout


def test_a_graph_is_drawn_as_mermaid(run):
    assert "flowchart" in run("graph", "shop.py:pack", "--format", "mermaid").stdout


def test_a_graph_is_drawn_as_svg(run):
    assert ET.fromstring(run("graph", "shop.py:pack", "--format", "svg").stdout).tag.endswith("svg")


def test_a_graph_is_written_as_a_definition(run):
    assert ["count", "label"] == [
        node["id"] for node in json.loads(run("graph", "shop.py:pack", "--json").stdout)["nodes"]
    ]


def test_a_graph_with_faults_is_drawn_and_the_faults_are_told(run, folder):
    (folder / "faulty.py").write_text(
        "from spane import node, workflow\n\n@node\ndef a(x: int) -> int: ...\n\n"
        "@workflow\ndef w() -> int:\n    return a('text')\n"
    )
    done = run("graph", "faulty.py")
    assert (2, "w\na\n") == (done.returncode, done.stdout)
    assert "spane: Workflow 'w' has 1 fault" in done.stderr


def test_a_format_that_is_not_there_is_a_usage_error(run):
    done = run("graph", "shop.py:pack", "--format", "gif")
    assert 2 == done.returncode
    assert "gif" in done.stderr
