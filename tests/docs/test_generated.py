import pytest

import spane
from tests.docs.generated import PAGES, PART, PARTS, ROOT, fresh


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_fresh(page):
    """If this fails, run: python -m tests.docs.generated"""
    text = page.read_text()
    assert fresh(text) == text


def test_every_generated_part_stands_somewhere():
    assert set(PARTS) == {part[1] for page in PAGES for part in PART.findall(page.read_text())}


def test_the_reference_has_every_public_name():
    text = (ROOT / "docs" / "reference.md").read_text()
    shown = {"node": "@node", "workflow": "@workflow"}
    missing = [
        name
        for name in spane.__all__
        if f"### `{shown.get(name, name)}`" not in text and f"| `{name}` |" not in text
    ]  # fmt: skip
    assert [] == missing


def test_the_reference_reads_as_plain_markdown():
    text = (ROOT / "docs" / "reference.md").read_text()
    assert ":::" not in text
    assert 0 == text.count("```") % 2
    assert "<object" not in text
    assert " at 0x" not in text
