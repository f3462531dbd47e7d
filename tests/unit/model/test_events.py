import pytest

from spane.model.event import EventKind, read_entry


@pytest.mark.parametrize(
    ("body", "done", "total"), [("x|n|3|4", 3, 4), ("x|n|0.5|1", 0.5, 1), ("x|n|1e-05|1.0", 1e-05, 1.0)]
)
def test_progress_may_be_any_number(body, done, total):
    [event] = read_entry("17-0", "g", body)
    assert (EventKind.NODE_PROGRESS, "x", "n") == (event.kind, event.execution, event.node)
    assert {"done": done, "total": total} == event.data
