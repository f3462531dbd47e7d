"""Inputs as they are written on a command line: `name=value`, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spane.errors import InputError

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow


def read(workflow: Workflow[..., Any], pairs: Sequence[str], document: str | None) -> dict[str, Any]:
    """Return inputs by name; `name=value` wins over the document.

    A value is JSON where that fits the input's annotation, else it is the text as it stands: `city=7` is the text
    "7" for a `str`, and the number 7 for an `int`.
    """
    given = {} if document is None else _document(workflow, document)
    annotations = {parameter.name: parameter.annotation for parameter in workflow.draft.inputs}
    problems = []
    times: Counter[str] = Counter()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            problems.append(f"{pair!r} is no input; write name=value{_known(annotations)}.")
            continue
        times[name] += 1
        given[name] = _value(text, annotations.get(name, Any))
    problems += [f"{name}: it is given {count} times; give it once." for name, count in times.items() if count > 1]
    if problems:
        raise _refused(workflow, problems)
    return given


def _document(workflow: Workflow[..., Any], document: str) -> dict[str, Any]:
    try:
        if document == "-":
            document = sys.stdin.read()
        elif document.startswith("@"):
            document = Path(document[1:]).read_text(encoding="utf-8")
        given = json.loads(document)
    except FileNotFoundError:
        raise _refused(workflow, [f"--input: there is no file {document[1:]!r}."]) from None
    except OSError as error:
        raise _refused(workflow, [f"--input: the file {document[1:]!r} cannot be read: {error.strerror}."]) from None
    except ValueError as error:
        raise _refused(workflow, [f"--input cannot be read as JSON: {error}."]) from None
    if not isinstance(given, dict):
        raise _refused(workflow, [f"--input is a JSON {type(given).__name__}; inputs are an object, {{name: value}}."])
    return given


def _value(text: str, annotation: Any) -> Any:
    from pydantic import ValidationError

    from spane.model import codec

    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    if isinstance(value, str):
        return value
    reader = codec.Reader(annotation)
    for candidate in (value, text):
        try:
            reader.read(json.dumps(candidate).encode())
        except ValidationError:
            continue
        return candidate
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _known(names: dict[str, Any]) -> str:
    return f", with the inputs {', '.join(names)}" if names else "; the workflow has no inputs"


def _refused(workflow: Workflow[..., Any], problems: list[str]) -> InputError:
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return InputError(
        f"The inputs do not fit workflow {workflow.name!r}:\n{lines}", workflow=workflow.name, problems=tuple(problems)
    )
