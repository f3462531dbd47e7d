"""What `spane run` prints: results to stdout, all else to stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

from spane.cli import exits
from spane.errors import ExecutionFailed, SpaneError
from spane.model import codec
from spane.model.outcome import error_type

if TYPE_CHECKING:
    from rich.console import Console

    from spane.authoring.workflow import Workflow
    from spane.cli.watching import Watch
    from spane.model.event import Event
    from spane.model.outcome import NodeError


def terminal(*, quiet: bool) -> Console | None:
    """Return the terminal to draw a live picture on; None where a program or a file reads along."""
    if quiet or not (sys.stdout.isatty() and sys.stderr.isatty()):
        return None
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    return console if console.is_terminal and not console.is_dumb_terminal else None


def set_up_logging(level: str, console: Console | None) -> None:
    """Show log lines on stderr, above the live picture where there is one."""
    handler: logging.Handler
    if console is not None:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_path=False, markup=False)
        logging.basicConfig(level=level.upper(), format="%(message)s", datefmt="%X", handlers=[handler])
    else:
        logging.basicConfig(level=level.upper(), format="%(levelname)s %(name)s: %(message)s")
    # A node's failure is told once, with the user's own traceback; workers would add the engine's.
    for name in ("dramatiq", "spane.lane"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def results_alone(console: Console | None) -> Iterator[TextIO]:
    """Give stdout to results for as long as the `with` lasts: whatever else writes there writes to stderr.

    That is done below Python's streams, so it holds for the programs that a node runs as well. A live picture leaves
    stdout as it is: it shows what nodes print above itself.
    """
    if console is not None:
        yield sys.stdout
        return
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors) as results:
        before = sys.stdout
        os.dup2(2, 1)
        try:
            with redirect_stdout(sys.stderr):
                yield results
        finally:
            before.flush()
            results.flush()
            os.dup2(results.fileno(), 1)


def say(message: str, console: Console | None = None) -> None:
    """Tell the user something on stderr, above the live picture where there is one."""
    if console is not None:
        # Lines are not broken here, so that a command can be copied whole.
        console.print(message, soft_wrap=True, markup=False)
        return
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def print_result(result: Any, to: TextIO) -> None:
    """Print a result: text as it is, all else as JSON."""
    if result is None:
        return
    if not isinstance(result, str):
        unicode = (to.encoding or "").lower().startswith("utf")
        result = json.dumps(plain(result), indent=2, ensure_ascii=not unicode)
    _write(result, to)


def print_json_line(fields: dict[str, Any], to: TextIO) -> None:
    """Print one JSON object as a line, at once."""
    _write(json.dumps(fields), to)


def _write(text: str, to: TextIO) -> None:
    to.write(f"{text}\n")
    to.flush()


def plain(value: Any) -> Any:
    """Return a value as plain JSON values."""
    return json.loads(codec.dump(value))


def event_fields(event: Event) -> dict[str, Any]:
    """Return an event as plain values, without what it does not have."""
    fields = {
        "id": event.id,
        "at_ms": event.at_ms,
        "kind": event.kind,
        "execution": event.execution,
        "node": event.node,
        "attempt": event.attempt,
        "error": None if event.error is None else error_fields(event.error),
        **{
            name: value
            for name, value in (event.data or {}).items()
            if name in ("duration_us", "delay_ms", "done", "total", "reason")
        },
    }
    return {name: value for name, value in fields.items() if value is not None}


def error_fields(error: NodeError) -> dict[str, Any]:
    """Return a node's error as plain values."""
    return {
        "type": error.type,
        "message": error.message,
        "node": error.node,
        "attempt": error.attempt,
        "traceback": error.traceback,
    }


def document(
    execution: str,
    workflow: Workflow[..., Any],
    watch: Watch | None,
    status: str | None,
    *,
    result: Any = None,
    failure: BaseException | None = None,
) -> dict[str, Any]:
    """Return the whole story of an execution, for `--json`."""
    return {
        "execution": execution,
        "workflow": workflow.name,
        "status": status,
        "result": plain(result),
        "error": None if failure is None else failure_fields(failure),
        "message": None if failure is None else str(failure),
        "nodes": {
            node: {"state": row.state, "attempt": row.attempt, "took_ms": row.took_ms}
            for node, row in (watch.rows if watch is not None else {}).items()
        },
    }


def refusal(error: SpaneError) -> dict[str, Any]:
    """Return the document of a run that was refused: the same fields, of which most say nothing."""
    return {
        "execution": getattr(error, "execution", None),
        "workflow": getattr(error, "workflow", None),
        "status": None,
        "result": None,
        "error": failure_fields(error),
        "message": exits.message_of(error),
        "nodes": {},
    }


def failure_fields(failure: BaseException) -> dict[str, Any]:
    """Return why there is no result: the error of the node that failed, or what was raised here."""
    if isinstance(failure, ExecutionFailed) and failure.error is not None:
        return error_fields(failure.error)
    node = getattr(failure, "node", None)
    return {"type": error_type(failure), "message": str(failure), "node": node, "attempt": None, "traceback": ""}


def print_document(fields: dict[str, Any], *, line: bool, to: TextIO | None = None) -> None:
    """Print the document, to stdout unless told otherwise: as the last line of events, or by itself."""
    _write(as_document(fields, line=line), to or sys.stdout)


def as_document(fields: dict[str, Any], *, line: bool) -> str:
    """Return the text of a document."""
    return json.dumps({"kind": "end", **fields}) if line else json.dumps(fields, indent=2)
