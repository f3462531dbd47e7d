"""Near misses."""

from __future__ import annotations

import pytest

from spane.graph.spelling import hint, listing, nearest


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("laod", ["load", "store"], "load"),
        ("Load", ["lead", "load"], "load"),
        ("timeOut", ["timeout"], "timeout"),
        ("xyz", ["load"], None),
        ("load", [], None),
        ("l" * 300, ["load"], None),
    ],
)
def test_nearest(name, known, meant):
    assert meant == nearest(name, known)


def test_among_very_many_names_like_beginnings_are_compared():
    known = [f"node_{i}" for i in range(10_000)]
    assert "node_1234" == nearest("Node_1234", [*known, "other"][1_000:1_400])
    assert "lines" == nearest("linse", [*known, "lines"])


def test_hints():
    assert "Did you mean 'load'?" == hint("lod", ["load"], "nodes")
    assert "The nodes are load, store." == hint("zzz", ["load", "store"], "nodes")
    assert "There are no nodes." == hint("zzz", [], "nodes")


def test_long_lists_are_cut():
    assert "0, 1, 2, 3, 4, 5, 6, 7 and 1,992 more" == listing([str(i) for i in range(2_000)])
