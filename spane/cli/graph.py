"""`spane graph`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from spane.cli import exits, loading


class Format(StrEnum):
    """How a graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"


def graph(
    target: Annotated[
        str, typer.Argument(metavar="FILE[:WORKFLOW]", help="A file or module, and which workflow in it.")
    ],
    picture: Annotated[Format, typer.Option("--format", "-f", help="text, mermaid or svg.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the workflow as a JSON definition instead.")] = False,
) -> None:
    """Draw a workflow's graph. One with faults is drawn as well; they go to stderr, and the exit code is 2."""
    import json

    from spane.errors import DefinitionError

    workflow = loading.workflow(target, "spane graph")
    drawn = json.dumps(workflow.to_definition(), indent=2) if as_json else workflow.draw(picture.value)
    typer.echo(drawn.rstrip("\n"))
    for warning in workflow.warnings:
        exits.complain(f"warning: {warning}")
    try:
        _ = workflow.plan
    except DefinitionError as error:
        exits.complain(str(error))
        raise typer.Exit(exits.Exit.USAGE) from None
