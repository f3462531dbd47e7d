"""What the verbs on executions have in common: their store, the choice of executions, and an answer for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spane.cli import exits
from spane.errors import SpaneError

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow as WorkflowOf
    from spane.cli.stores import Opened
    from spane.engine import Engine

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="STORE",
        help="embedded, or a Redis URL. Without it: SPANE_REDIS_URL if that is set, else embedded.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Executions; or choose them by the options.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the execution.")]
Workflow = Annotated[str | None, typer.Option("--workflow", metavar="NAME", help="Only those of this workflow.")]
Status = Annotated[
    list[str] | None, typer.Option("--status", metavar="STATUS", help="Only those that stand so; may be repeated.")
]
Tenant = Annotated[str | None, typer.Option("--tenant", metavar="TENANT", help="Only those of this tenant.")]

#: Of executions that nothing runs yet, so many are told with the command that does.
_MOST_FOLLOWED = 5


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time. Write 2026-07-31T18:00, in UTC unless it says another zone."
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


After = Annotated[
    datetime | None,
    typer.Option("--started-after", metavar="TIME", parser=_moment, help="Only those started later; ISO 8601, in UTC."),
]
Before = Annotated[
    datetime | None,
    typer.Option("--started-before", metavar="TIME", parser=_moment, help="Only those started earlier."),
]


@contextmanager
def store_on(store: str | None, *, lists: bool = False) -> Iterator[Opened]:
    """Open a store that is there; nothing is run on it.

    Where there is none that is said, and no folder is made for it: a verb that `lists` finds nothing, any other ends.
    """
    from spane.cli import reporting, stores

    if store == "memory":
        raise typer.BadParameter(
            "--store memory is kept in the process of one `spane run` and gone with it: there is nothing to look at."
        )
    settings = stores.settings_for(store)
    if stores.is_embedded(store, settings) and not settings.embedded_path.is_dir():
        told = f"There is no store in {settings.embedded_path.absolute()}; nothing was run here yet."
        if not lists:
            exits.complain(told)
            raise typer.Exit(exits.Exit.USAGE)
        reporting.say(told)
        store = "memory"
    with stores.opened(store, settings) as opened:
        yield opened


@contextmanager
def engine_on(store: str | None, *, lists: bool = False) -> Iterator[Engine]:
    """Open the engine of a store; nothing is run by it."""
    with store_on(store, lists=lists) as opened:
        yield opened.engine


def idle(opened: Opened, executions: Iterable[str], *, store: str | None, target: str | None = None) -> str:
    """Return that nothing runs these executions yet and what does; nothing where workers are there, or may be.

    On Redis workers come and go by themselves; an embedded store has those that a command starts for as long as it lasts.
    """
    from spane.cli import commands

    if opened.kind != "embedded" or opened.workers():
        return ""
    asked = list(dict.fromkeys(opened.outermost(execution) for execution in executions))
    told = [commands.follow(target or opened.target_or_name(one), one, store=store) for one in asked[:_MOST_FOLLOWED]]
    if len(asked) > _MOST_FOLLOWED:
        told.append(f"... and {len(asked) - _MOST_FOLLOWED} more.")
    return (
        "\n".join(["Nothing runs them yet:", *told])
        if told[1:]
        else "".join(f"Nothing runs it yet: {one}" for one in told)
    )


def workflow_of(opened: Opened, execution_id: str, target: str) -> WorkflowOf[..., Any]:
    """Return the workflow that `--target` names, which has to be the one of the execution."""
    from spane.cli import loading
    from spane.errors import UnknownExecution

    workflow = loading.workflow(target, "--target")
    name = opened.runs(execution_id)
    if name is None:
        raise UnknownExecution(execution_id)
    if name != workflow.name:
        raise typer.BadParameter(
            f"--target {target} is workflow {workflow.name!r}, and execution {execution_id!r} is one of {name!r}. Name that one."
        )
    return workflow


def named(ids: Sequence[str] | None, which: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the ids, None where options choose; whoever asks for everything has to say so."""
    if bool(ids) == bool(which):
        raise typer.BadParameter(
            "Name executions, or choose them by --workflow, --status, --tenant, --started-after or --started-before."
        )
    return ids or None


def chosen(
    workflow: str | None,
    status: Sequence[str] | None,
    tenant: str | None,
    after: datetime | None,
    before: datetime | None,
) -> dict[str, Any]:
    """Return the filter that the options make."""
    given = {
        "workflow": workflow,
        "status": list(status) if status else None,
        "tenant": tenant,
        "started_after": after,
        "started_before": before,
    }
    return {name: value for name, value in given.items() if value is not None}


def conclude(
    results: Mapping[str, Any],
    said: str,
    field: str,
    *,
    as_json: bool,
    hint: str = "",
    passed_over: Collection[str] = (),
) -> None:
    """Print what became of each, and exit with the code of the first that was refused.

    `said` is what is told of one that was done, with its result; `field` is the result's name in JSON. `hint` is for people, on stderr.
    Those that are `passed_over` are no reason to complain.
    """
    from spane.cli import reporting

    refused = {each: result for each, result in results.items() if isinstance(result, Exception)}
    if as_json:
        told = [
            {"id": each, "error": str(result)}
            if each in refused
            else {"id": each, **({field: result} if field else {})}
            for each, result in results.items()
        ]
        reporting.print_document({"results": told}, line=False)
    if not results:
        reporting.say("No execution fits these options.")
    for each, result in results.items():
        if each in passed_over:
            continue
        if each in refused:
            exits.complain(str(result))
        elif not as_json:
            typer.echo(f"{each} {said.format(result)}".rstrip())
    if hint and not as_json:
        reporting.say(hint)
    for each, error in refused.items():
        if each in passed_over:
            continue
        raise typer.Exit(exits.code_of(error) if isinstance(error, SpaneError) else exits.Exit.USAGE)
