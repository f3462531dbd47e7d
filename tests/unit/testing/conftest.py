"""The fixture `spane` for runs in which the package is not installed, and pytest runs inside tests."""

from __future__ import annotations

from spane.testing.plugin import spane

pytest_plugins = ["pytester"]
__all__ = ["spane"]
