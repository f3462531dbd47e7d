import tomllib

import pytest

from tests.docs.pages import LOCAL_REDIS, ROOT, Reader, commands, fits

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_runs(page, tmp_path, request):
    text = page.read_text()
    redis_url = request.getfixturevalue("redis_url") if LOCAL_REDIS in text and "\n$ export" in text else None
    reader = Reader(tmp_path, redis_url)
    try:
        reader.read(text)
    finally:
        reader.close()


def test_the_pin_of_watchdog_is_that_of_its_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [pin] = extras["watch"]
    page = (ROOT / "docs" / "redis.md").read_text()
    assert f"`pip install 'spane[watch]'` brings the right one (`{pin}`)" in page


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a b", "a   b\n", True),
        ("a\nb", "a b", True),
        ("a b", "a c", False),
        ("a ... d", "a b c d", True),
        ("id '...': x", "id '17': x", True),
        ("a", "a b", False),
        ("2 passed in ...", "2 passed in 0.1s", True),
    ],
)
def test_output_is_compared_loosely(expected, printed, same):
    assert same == fits(expected, printed)


def test_commands_of_a_block_keep_what_stands_below_them():
    [first, second] = commands("$ one \\\n  two\nout\n$ three\n")
    assert ("one    two", "out\n", "three", "") == (first.line, first.expected, second.line, second.expected)
