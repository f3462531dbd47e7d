"""Errors as data: whatever text an exception holds, its record can be written and read back."""

from __future__ import annotations

import pytest

from spane import Engine, node, workflow
from spane.errors import ExecutionFailed
from spane.model.outcome import decode_error, describe, encode_error


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_a_lone_surrogate_in_a_message_can_be_written():
    record = describe(OSError("no file \udcff"), node="read", attempt=1, retryable=True)
    assert "no file \\udcff" == decode_error(encode_error(record)).message


def test_an_exception_without_a_text_keeps_its_type():
    record = describe(Unprintable(), node="read", attempt=1, retryable=True)
    assert ("Unprintable", "<its str() raised>") == (record.type.rpartition(":")[2], record.message)


@node
def returning_nan() -> float:
    return float("nan")


@node
def returning_an_object():
    return object()


@node
def returning_a_text() -> int:
    return "text"


@node
async def raising_on_the_loop() -> int:
    return unready()


@node
def raising() -> int:
    try:
        return unready()
    except ValueError as error:
        raise KeyError("n") from error


def unready() -> int:
    raise ValueError("not ready")


def failure_of(node_type) -> ExecutionFailed:
    with Engine.in_memory() as engine:
        execution = engine.start(workflow.of(f"only_{node_type.node_type.name}", node_type))
        with pytest.raises(ExecutionFailed) as caught:
            execution.result(timeout_s=10)
    return caught.value


@pytest.mark.parametrize("node_type", [returning_nan, returning_an_object, returning_a_text])
def test_a_failure_in_which_no_code_of_the_user_stands_has_no_traceback(node_type):
    failure = failure_of(node_type)
    assert "" == failure.error.traceback
    assert str(failure).endswith(failure.error.message)


@pytest.mark.parametrize(
    ("node_type", "functions"),
    [
        (raising, ["unready", "raising", "raising"]),
        (raising_on_the_loop, ["raising_on_the_loop", "unready"]),
    ],
)
def test_a_traceback_has_the_frames_of_the_user_and_no_others(node_type, functions):
    text = failure_of(node_type).error.traceback
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("File ")]
    assert all(f'File "{__file__}"' in line for line in lines), text
    assert sorted(functions) == sorted(line.rpartition(" in ")[2] for line in lines)
