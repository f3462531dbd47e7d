"""`spane signal`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from spane.cli import steering

_BEGINS_JSON = ("{", "[", '"')


def signal(
    execution_id: Annotated[str, typer.Argument(metavar="ID", help="The execution.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The event, as its workflow names it.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Its data: JSON where it is some, else text.")] = "null",
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="The same key is sent once.")] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="FILE[:WORKFLOW]", help="The workflow, so that the data is checked before it is sent."
        ),
    ] = None,
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """Send an event to an execution, for the node that waits for it."""
    from spane.cli import reporting

    with steering.store_on(store) as opened:
        engine = opened.engine
        if target is not None:
            engine.registry.add_workflow(steering.workflow_of(opened, execution_id, target))
        taken = engine.signal(execution_id, name, _value(data), key=key)
        hint = steering.idle(opened, [execution_id], store=store)
    if as_json:
        reporting.print_document({"execution": execution_id, "event": name, "taken": taken}, line=False)
        return
    typer.echo(f"{name} is {'taken' if taken else 'kept for whoever will wait for it'}")
    if hint:
        reporting.say(hint)


def _value(text: str) -> Any:
    """Return what DATA says. What looks like JSON and is none would reach the node as a text that nobody meant."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        if text.lstrip()[:1] in _BEGINS_JSON:
            raise typer.BadParameter(
                f"DATA begins like JSON, but is none: {error}. To send it as a text, put it into quotes as JSON has them."
            ) from None
        return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
