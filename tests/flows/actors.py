"""A user's own actor, beside the nodes of the flows. Only workers import it: it needs their broker."""

from __future__ import annotations

import dramatiq

from tests.flows.app import folder


@dramatiq.actor(max_retries=0)
def ring(name: str) -> None:
    (folder() / name).touch()
