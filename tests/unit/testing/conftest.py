"""The fixture `spane` for runs in which the package is not installed."""

from __future__ import annotations

from spane.testing.plugin import spane

__all__ = ["spane"]
