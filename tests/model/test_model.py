"""The protocol of claim, commit, hand-over, give-back, rescue and sweep has no state in which an invariant fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("spane.pml")
#: How many faults a run may meet; 3 take minutes and gigabytes.
FAULTS = 3 if os.environ.get("SPANE_CRASH_FULL") else 2
COMPACT = ["-DCOLLAPSE"] if FAULTS > 2 else []
MUTANTS = ("NOFENCE", "NOAGAIN", "NORESYNC", "SPLIT", "EARLYJOIN", "NOSWEEP", "STARTTWICE")


def _search(folder: Path, *defines: str, compiled: str = "-O0") -> tuple[int, int]:
    """Search all states; returns (errors, states). A mutant is found before compiling well would pay."""
    for tool in ("spin", "cc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (Debian has a package of that name)")
    flags = [f"-D{define}" for define in defines]
    subprocess.run(["spin", "-a", *flags, str(MODEL)], cwd=folder, check=True, capture_output=True)
    compile_ = ["cc", compiled, "-w", "-DSAFETY", *COMPACT, "-o", "pan", "pan.c"]
    subprocess.run(compile_, cwd=folder, check=True, capture_output=True)
    told = subprocess.run(["./pan", "-m800000", "-w24"], cwd=folder, check=True, capture_output=True, text=True).stdout
    errors, states = re.search(r"errors: (\d+)", told), re.search(r"(\d+) states, stored", told)
    assert errors is not None, told
    assert states is not None, told
    assert "max search depth too small" not in told
    return int(errors[1]), int(states[1])


@pytest.mark.timeout(900)
def test_no_state_breaks_an_invariant(tmp_path):
    errors, states = _search(tmp_path, f"FAULTS={FAULTS}", compiled="-O2")
    print(f"\n{states} states with {FAULTS} faults")
    assert 0 == errors
    assert states > 100_000  # A model that is stuck at its beginning holds as well.


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_fault_in_the_protocol_is_found(tmp_path, mutant):
    errors, _ = _search(tmp_path, "FAULTS=2", mutant)
    assert errors > 0
