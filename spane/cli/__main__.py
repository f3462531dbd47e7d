"""`python -m spane.cli`, for where the script is not on the path."""

from __future__ import annotations

from spane.cli import main

main()
