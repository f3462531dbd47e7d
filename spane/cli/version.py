"""`spane version`."""

from __future__ import annotations

import typer


def version() -> None:
    """Print the versions of SPANE and of what it stands on."""
    import platform
    from importlib.metadata import version as of

    typer.echo(f"spane {of('spane')}")
    typer.echo(f"Python {platform.python_version()}, Dramatiq {of('dramatiq')}, redis-py {of('redis')}")
