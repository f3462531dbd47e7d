import pytest

from tests.docs.generated import PAGES, PART, PARTS, fresh


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_fresh(page):
    """If this fails, run: python -m tests.docs.generated"""
    text = page.read_text()
    assert fresh(text) == text


def test_every_generated_part_stands_somewhere():
    assert set(PARTS) == {part[1] for page in PAGES for part in PART.findall(page.read_text())}
