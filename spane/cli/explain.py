"""`spane explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from spane.cli import steering
from spane.model.state import ExecutionState


def explain(
    execution_id: Annotated[str, typer.Argument(metavar="ID", help="The execution.")],
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """Say why an execution waits: the cause for each of its nodes that is not done."""
    from spane.cli import reporting, tables

    with steering.store_on(store) as opened:
        explanation = opened.engine.get(execution_id).explain()
        moves = not explanation.status.ended and explanation.status is not ExecutionState.PAUSED
        hint = steering.idle(opened, [execution_id], store=store) if moves else ""
    if as_json:
        reporting.print_document(explanation.as_json(), line=False)
        return
    typer.echo(f"{explanation.execution} of {explanation.workflow} is {explanation.status}.")
    if explanation.cause is not None:
        typer.echo(str(explanation.cause))
    tables.show(
        ("NODE", "CAUSE", "WHY"), ((name, one.kind, one) for name, one in explanation.nodes.items()), whole=True
    )
    if hint:
        reporting.say(hint)
