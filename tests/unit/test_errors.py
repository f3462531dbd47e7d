"""The tree of errors, as its module draws it, and the names of errors that stand in data."""

from __future__ import annotations

import re
from pathlib import Path

from spane import errors


def test_the_tree_has_every_error():
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__)
    made = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, Exception) and not name.startswith("_")
    }
    assert sorted(made - {"SpaneError"}) == sorted(drawn)


def test_an_error_that_stands_in_data_can_be_imported():
    package = Path(errors.__file__).parent
    texts = [path.read_text() for path in package.rglob("*") if path.suffix in (".py", ".lua")]
    named = {name for text in texts for name in re.findall(r"spane\.errors:(\w+)", text)}
    assert {"WorkerLost", "AttemptRejected", "DeadlineExceeded"} <= named
    assert set() == named - set(vars(errors))
