"""`spane replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spane.cli import steering

if TYPE_CHECKING:
    from spane.engine import Execution


def replay(
    execution_id: Annotated[str, typer.Argument(metavar="ID", help="The execution that is run again.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="Inputs to be changed; JSON where it fits, else text."),
    ] = None,
    from_node: Annotated[
        str | None, typer.Option("--from", metavar="NODE", help="Run this node and all below it; keep other results.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="FILE[:WORKFLOW]", help="The workflow, where inputs change; as it was run."),
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", metavar="JSON", help="Inputs to be changed as JSON; @FILE or - (stdin) reads it."
        ),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Fails if it has not ended so long after it began; else as the original."),
    ] = None,
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """Start an execution again: the same plan and inputs, or changed ones, from its beginning or from a node on."""
    from spane.cli import loading, reporting
    from spane.cli import values as inputs

    with steering.store_on(store) as opened:
        execution = opened.engine.get(execution_id)
        workflow = steering.workflow_of(opened, execution_id, target) if target else None
        target = target or opened.target(execution_id)
        changed = None
        if values or document is not None:
            if workflow is None:
                workflow = loading.workflow(target, "--target") if target else execution.workflow
            if workflow is None:
                raise typer.BadParameter(
                    "Say by --target FILE:WORKFLOW where the workflow stands that the inputs are for."
                )
            opened.engine.registry.add_workflow(workflow)
            changed = inputs.read(workflow, values or [], document)
            execution = opened.engine.get(execution_id)
        again: Execution[Any] = execution.replay(from_node, changed, deadline_s=deadline)
        hint = steering.idle(opened, [again.id], store=store, target=target)
    if as_json:
        reporting.print_document({"execution": again.id, "replay_of": execution_id}, line=False)
        return
    typer.echo(f"{again.id} replays {execution_id}")
    if hint:
        reporting.say(hint)
