"""`spane explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from spane.cli import steering


def explain(
    execution_id: Annotated[str, typer.Argument(metavar="ID", help="The execution.")],
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """Say why an execution waits: the cause for each of its nodes that is not done."""
    from spane.cli import commands, reporting, tables

    with steering.store_on(store) as opened:
        explanation = opened.engine.get(execution_id).explain()
        top = opened.outermost(execution_id)
        follow = commands.follow(opened.target_or_name(top), top, store=store)
    if as_json:
        reporting.print_document(explanation.as_json(), line=False)
        return
    typer.echo(f"{explanation.execution} of {explanation.workflow} is {explanation.status}.")
    if explanation.cause is not None:
        typer.echo(str(explanation.cause))
    whys = {name: str(cause) for name, cause in explanation.nodes.items()}
    if opened.kind == "embedded":
        # Nobody leaves a worker running there: what works on the store is the command that watches an execution.
        whys = {name: why.replace("start one that does.", f"run it: {follow}") for name, why in whys.items()}
    tables.show(
        ("NODE", "CAUSE", "WHY"), ((name, one.kind, whys[name]) for name, one in explanation.nodes.items()), whole=True
    )
