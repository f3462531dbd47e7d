import pytest

from tests.examples.conftest import imported


@pytest.fixture
def maps():
    yield from imported("maps")


def test_a_shelf_is_appraised_with_what_is_not_known_beside_it(maps, spane):
    assert "212 for 2 books; nobody knows when A3 was printed" == spane.run(maps.appraise, shelf="A")


def test_each_book_is_tried_again_by_itself(maps, spane):
    spane.run(maps.appraise, shelf="A")
    retried = {event.node for event in spane.events if event.kind == "node_retrying"}
    assert {"value#0", "value#2", "value#3"} == retried


def test_thumbnails_are_made_and_uploaded(maps, spane):
    assert 8 * 20 == spane.run(maps.thumbnails, count=20)
