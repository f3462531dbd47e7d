"""Errors as data: whatever text an exception holds, its record can be written and read back."""

from __future__ import annotations

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
