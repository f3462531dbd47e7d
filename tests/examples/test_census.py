import os
import socket
import xml.etree.ElementTree as ET

import pytest

from spane import Unrecoverable

MODULE = '''"""A module."""

import os, sys
from collections import Counter  # counting


# a comment
class Shelf:
    def put(self, book):
        async def later(): ...
        return "def not_a_symbol(): ..."
'''


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "shelf.py").write_text(MODULE)
    (root / "pkg" / "copy.py").write_text(MODULE.replace("    ", "\t"))
    (root / "app.js").write_text("/* a\n   block */\nimport x from 'left-pad'\nfunction run() {}\n// end\n")
    (root / "notes.txt").write_text("no source")
    return root


@pytest.fixture
def walked(census):
    return lambda root: census.walk(str(root))


def test_the_report_joins_all_five_counts(census, spane, tree, tmp_path):
    chart = tmp_path / "out" / "census.svg"
    shown = spane.run(census.census, path=str(tree), chart=str(chart))
    assert "| Python     |     2 |   14 |       2 |     6 |       6 |" in shown
    assert "| JavaScript |     1 |    2 |       3 |     0 |       1 |" in shown
    assert "- os (Python) in 2" in shown
    assert "- pkg/copy.py = pkg/shelf.py" in shown
    assert "Beside these: 1 other files, 0 left out." in shown
    assert f"Chart: {chart}" in shown
    assert "Python" in "".join(ET.parse(chart).getroot().itertext())


def test_the_five_counts_stand_side_by_side(census):
    graph = census.census.graph
    assert {"lines", "symbols", "imports", "sizes", "duplicates", "report"} == set(graph.successors("walk"))


def test_a_folder_that_is_missing_is_not_tried_again(census, spane, tmp_path):
    with pytest.raises(Unrecoverable, match="is not a folder; pass path="):
        spane.run(census.census, path=str(tmp_path / "nowhere"))
    assert [] == [event for event in spane.events if event.kind == "node_retrying"]


def test_an_empty_folder_has_a_report(census, spane, tmp_path):
    (tmp_path / "empty").mkdir()
    shown = spane.run(census.census, path=str(tmp_path / "empty"), chart=str(tmp_path / "census.svg"))
    assert "| all      |     0 |" in shown


def test_links_pipes_and_sockets_are_left_out(walked, tree):
    (tree / "again").symlink_to(tree)
    (tree / "link.py").symlink_to(tree / "app.js")
    (tree / "broken.py").symlink_to(tree / "gone")
    os.mkfifo(tree / "pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tree / "socket.py"))
        left_out = walked(tree).left_out
    assert {
        "link.py": "a link",
        "broken.py": "a link",
        "pipe.py": "not a regular file",
        "socket.py": "not a regular file",
    } == left_out


def test_a_name_that_is_not_utf8_is_left_out_and_shown(walked, tree):
    (tree / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")
    assert {"caf\\xe9.py": "its name is not UTF-8"} == walked(tree).left_out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_left_out(walked, tree):
    (tree / "secret").mkdir(mode=0)
    assert {"secret": "Permission denied"} == walked(tree).left_out


def test_hidden_and_built_folders_are_passed_over(walked, tree):
    for folder in (".git", "node_modules", "__pycache__"):
        (tree / folder).mkdir()
        (tree / folder / "x.py").write_text("x = 1\n")
    assert ["pkg/copy.py", "pkg/shelf.py"] == walked(tree).files["Python"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xef\xbb\xbfx = 1\n", 1),
        ("x = 'ä'\n".encode("latin-1"), 1),
        ("x = 1\n".encode("utf-16"), 1),
        (b"x = 1\n\0\0\0", 0),
        (b"def broken(:\n    '\\d'\n", 2),
        (b"x = 1\n" * 400_000, 0),
    ],
    ids=["byte order mark", "latin-1", "utf-16", "binary", "syntax error", "too large"],
)
def test_any_bytes_can_be_counted(walked, census, tmp_path, raw, code):
    (tmp_path / "x.py").write_bytes(raw)
    tree = walked(tmp_path)
    assert code == census.lines(tree)["Python"].code
    assert isinstance(census.symbols(tree)["Python"], int)


def test_a_file_that_goes_away_during_the_run_is_passed_over(walked, census, tree):
    before = walked(tree)
    (tree / "app.js").unlink()
    assert 0 == census.lines(before)["JavaScript"].code
    assert 0 == census.sizes(before).by_language["JavaScript"]
    assert 0 == census.symbols(before)["JavaScript"]


def test_a_copied_block_is_found_once_for_each_set_of_files(walked, census, tmp_path):
    block = "".join(f"value_{i} = compute({i} * {i})\n" for i in range(40))
    (tmp_path / "a.py").write_text("first = 1\n" + block)
    (tmp_path / "b.py").write_text("second = 2\n\n" + block.replace("value", "  value"))
    [places] = census.duplicates(walked(tmp_path)).blocks
    assert ["a.py", "b.py"] == [place.partition(":")[0] for place in places]
