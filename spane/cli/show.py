"""`spane show`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from spane.cli import steering


def show(
    execution_id: Annotated[str, typer.Argument(metavar="ID", help="The execution.")],
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """Show an execution: how it stands, and each of its nodes."""
    from spane.cli import reporting
    from spane.control import reading
    from spane.control.listing import find_below, look
    from spane.runtime import endings

    with steering.engine_on(store) as engine:
        listed = look(engine.store, execution_id)
        views = reading.nodes(engine.store, execution_id)
        below = find_below(engine.store, execution_id)
        result = endings.result(engine.store, execution_id) if listed.status == "completed" else None
    if as_json:
        reporting.print_document(_document(listed, views, below, reading.value_of(result)), line=False)
    else:
        _print(listed, views, below)


def _print(listed: Any, views: dict[str, Any], below: list[tuple[str, Any]]) -> None:
    from spane.cli import tables

    typer.echo(f"{listed.execution} of {listed.workflow} is {listed.status}.")
    about = {
        "started": tables.moment(listed.started_at_ms),
        "ended": tables.moment(listed.ended_at_ms),
        "tenant": listed.tenant,
        "replay of": listed.replay_of,
        "parent": listed.parent,
        "why": listed.reason,
    }
    for name, value in about.items():
        if value:
            typer.echo(f"{name}: {value}")
    tables.show(
        ("NODE", "STATE", "ATTEMPT", "SINCE", "UNTIL", "ERROR"),
        (
            (
                one.id,
                _state(one),
                one.attempt or "",
                tables.moment(one.since_ms),
                tables.moment(one.until_ms),
                one.error or "",
            )
            for one in views.values()
        ),
    )
    if below:
        typer.echo("")
        rows = ((node, one.execution, one.workflow, one.status) for node, one in below)
        tables.show(("NODE", "CHILD", "WORKFLOW", "STATUS"), rows)


def _state(view: Any) -> str:
    return str(view.state) if view.total is None else f"{view.state}, {view.done:,} of {view.total:,} items"


def _document(listed: Any, views: dict[str, Any], below: list[tuple[str, Any]], result: Any) -> dict[str, Any]:
    from spane.cli import reporting

    nodes = {
        one.id: {
            "state": one.state,
            "attempt": one.attempt,
            "crashes": one.crashes,
            "since_ms": one.since_ms,
            "until_ms": one.until_ms,
            **({} if one.total is None else {"done": one.done, "total": one.total}),
            "error": None if one.error is None else reporting.error_fields(one.error),
        }
        for one in views.values()
    }
    names = (
        "execution",
        "workflow",
        "status",
        "started_at_ms",
        "ended_at_ms",
        "tenant",
        "replay_of",
        "reason",
        "parent",
    )
    children = [
        {"node": node, "execution": one.execution, "workflow": one.workflow, "status": one.status}
        for node, one in below
    ]
    about = {name: getattr(listed, name) for name in names}
    return {**about, "result": result, "nodes": nodes, "children": children}
