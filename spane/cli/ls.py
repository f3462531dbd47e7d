"""`spane ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from spane.cli import steering


def ls(
    workflow: steering.Workflow = None,
    status: steering.Status = None,
    tenant: steering.Tenant = None,
    after: steering.After = None,
    before: steering.Before = None,
    every: Annotated[
        bool, typer.Option("--all", help="Those that have ended as well, as long as they are kept.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """List executions, the newest first: without --all or --status, those that have not ended."""
    from spane.cli import reporting, tables
    from spane.control.listing import Filter, find
    from spane.model.state import ExecutionState

    given = steering.chosen(workflow, status, tenant, after, before)
    which = Filter(**{"status": list(ExecutionState) if every else None, **given})
    with steering.engine_on(store, lists=True) as engine:
        found = find(engine.store, which, limit)
    if as_json:
        fields = ("execution", "workflow", "status", "started_at_ms", "ended_at_ms", "tenant", "replay_of", "parent")
        reporting.print_document(
            {"executions": [{name: getattr(one, name) for name in fields} for one in found]}, line=False
        )
        return
    tables.show(
        ("EXECUTION", "WORKFLOW", "STATUS", "STARTED", "ENDED", "TENANT", "PARENT"),
        (
            (
                one.execution,
                one.workflow,
                one.status,
                tables.moment(one.started_at_ms),
                tables.moment(one.ended_at_ms),
                one.tenant or "",
                one.parent or "",
            )
            for one in found
        ),
        none="There are no such executions."
        if every or status
        else "There are none that have not ended; --all lists others.",
    )
