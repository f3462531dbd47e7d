"""`spane breakers`: circuit breakers."""

from __future__ import annotations

from typing import Annotated

import typer

from spane.cli import steering

breakers = typer.Typer(
    help="List and reset circuit breakers: those that have seen a failure within a day.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@breakers.command()
def ls(store: steering.Store = None, as_json: steering.Json = False) -> None:
    """List circuit breakers with how they stand."""
    import dataclasses

    from spane.cli import reporting, tables

    with steering.engine_on(store, lists=True) as engine:
        found = engine.breakers.list()
    if as_json:
        reporting.print_document({"breakers": [dataclasses.asdict(one) for one in found]}, line=False)
        return
    tables.show(
        ("BREAKER", "STATE", "FAILURES", "UNTIL", "WAITING", "OPENED", "REFUSED"),
        (
            (one.name, one.state, one.failures, tables.moment(one.until_ms), one.waiting, one.opened, one.refused)
            for one in found
        ),
        none="No circuit breaker has seen a failure within a day.",
    )


@breakers.command()
def reset(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Breakers, as `spane breakers ls` names them.")],
    store: steering.Store = None,
) -> None:
    """Close circuit breakers, whatever they have seen; what waits at them goes on."""
    with steering.engine_on(store) as engine:
        for name in names:
            engine.breakers.reset(name)
            typer.echo(f"{name} is closed")
