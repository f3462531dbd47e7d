"""`spane dlq`: dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spane.cli import steering
from spane.model.state import ExecutionState

if TYPE_CHECKING:
    from spane.control.dead_letters import DeadLetter
    from spane.engine import Engine

dlq = typer.Typer(
    help="List, show, retry and discard dead letters: nodes that used up their attempts.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Letter = Annotated[str, typer.Argument(metavar="ID", help="The dead letter, as `spane dlq ls` names it.")]
_Letters = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Dead letters, as `spane dlq ls` names them.")]
_Every = Annotated[bool, typer.Option("--all", help="All there are.")]


@dlq.command()
def ls(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 50,
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """List dead letters, the oldest first."""
    from spane.cli import reporting, tables

    with steering.engine_on(store, lists=True) as engine:
        found = engine.dead_letters.list(limit)
    if as_json:
        reporting.print_document({"dead_letters": [_fields(letter) for letter in found]}, line=False)
        return
    tables.show(
        ("DEAD LETTER", "WORKFLOW", "STATUS", "FAILED", "ATTEMPTS", "ERROR"),
        (
            (one.id, one.workflow, one.status, tables.moment(one.failed_at_ms), one.attempts, one.error or "")
            for one in found
        ),
        none="There are no dead letters.",
    )


@dlq.command()
def show(letter_id: _Letter, store: steering.Store = None, as_json: steering.Json = False) -> None:
    """Show a dead letter, with the traceback of its last attempt."""
    from spane.cli import reporting, tables

    with steering.engine_on(store) as engine:
        letter = engine.dead_letters.get(letter_id)
    if as_json:
        reporting.print_document(_fields(letter), line=False)
        return
    typer.echo(
        f"Node {letter.node} of {letter.execution} ({letter.workflow}, {letter.status}) failed at "
        f"{tables.moment(letter.failed_at_ms)} after {letter.attempts} {'attempt' if letter.attempts == 1 else 'attempts'}."
    )
    if letter.error is not None:
        typer.echo((letter.error.traceback or str(letter.error)).rstrip())


@dlq.command()
def retry(
    ids: _Letters = None, every: _Every = False, store: steering.Store = None, as_json: steering.Json = False
) -> None:
    """Run dead letters again, with all their attempts: their executions go on, and may complete.

    --all passes over those that can never be retried.
    """
    from spane.cli import reporting

    with steering.store_on(store) as opened:
        letters = opened.engine.dead_letters
        named = _named(opened.engine, ids, every=every, verb="retry")
        answers = dict(zip(named, letters.retry_many(named), strict=True))
        never = [letter for letter, refused in answers.items() if every and _for_good(refused)]
        again = [letter.partition(":")[0] for letter, refused in answers.items() if refused is None]
        hint = steering.idle(opened, again, store=store)
    steering.conclude(answers, "runs again", "", as_json=as_json, hint=hint, passed_over=never)
    if never:
        reporting.say(
            f"{len(never)} {'dead letter' if len(never) == 1 else 'dead letters'} passed over that can never be retried; "
            "`spane explain` of an execution says what helps, `spane dlq discard` forgets one."
        )


@dlq.command()
def discard(
    ids: _Letters = None, every: _Every = False, store: steering.Store = None, as_json: steering.Json = False
) -> None:
    """Forget dead letters: their executions stay as they are."""
    with steering.engine_on(store) as engine:
        named = _named(engine, ids, every=every, verb="discard")
        answers = dict(zip(named, engine.dead_letters.discard_many(named), strict=True))
    steering.conclude(answers, "is discarded", "", as_json=as_json)


def _named(engine: Engine, ids: list[str] | None, *, every: bool, verb: str) -> list[str]:
    if every == bool(ids):
        raise typer.BadParameter(f"Name the dead letters to {verb}, or all of them by --all.")
    return list(dict.fromkeys(ids or (letter.id for letter in engine.dead_letters)))


def _for_good(refused: Exception | None) -> bool:
    """Tell whether a dead letter is refused now and at any later time."""
    from spane.errors import DeadLetterPassed, DeadLetterUndone, IllegalTransition, UnknownDeadLetter

    if isinstance(refused, IllegalTransition):
        return ExecutionState(refused.status).ended
    return isinstance(refused, DeadLetterPassed | DeadLetterUndone | UnknownDeadLetter)


def _fields(letter: DeadLetter) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(letter)
