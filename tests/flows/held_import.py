"""A module of a user's whose import waits for a gate."""

from __future__ import annotations

from tests.flows.app import folder, wait_for

(folder() / "importing").touch()
wait_for(folder() / "imported")
