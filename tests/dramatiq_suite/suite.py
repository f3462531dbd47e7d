"""Dramatiq's own tests of its Redis broker, at the installed version, run against a broker of ours.

The tests come from the source distribution, fetched once by pip and kept in pytest's cache. They run in a process of
their own, on a redis-server of their own.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import RedisServer

HERE = Path(__file__).parent
FILES = ("test_redis.py", "test_cli.py", "test_watch.py")
VERSION = importlib.metadata.version("dramatiq")


class CannotFetch(Exception):
    """The source distribution is neither in the cache nor to be had."""


@dataclass
class Report:
    """What the suite said: names by outcome, and its whole output."""

    passed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    output: str = ""

    @property
    def names(self) -> set[str]:
        return self.passed | self.skipped | self.failed


def exclusions() -> dict[str, str]:
    """Return the names of tests that do not apply, with the reason."""
    return tomllib.loads((HERE / "exclusions.toml").read_text(encoding="utf-8"))


def fetch(cache: Path) -> Path:
    """Return Dramatiq's source distribution of the installed version, from the cache or through pip."""
    target = cache / f"dramatiq-{VERSION}.tar.gz"
    if not target.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "dramatiq"]
        ran = subprocess.run(
            [*command, "--dest", str(cache), f"dramatiq=={VERSION}"], capture_output=True, text=True, check=False
        )
        if ran.returncode or not target.exists():
            raise CannotFetch(f"pip could not fetch the sources of dramatiq {VERSION}: {ran.stderr.strip()[-500:]}")
    return target


def unpack(sources: Path, into: Path) -> Path:
    """Lay out the test package: their tests, with our broker, fixtures and names around them."""
    package = into / "tests"
    package.mkdir(parents=True)
    with tarfile.open(sources) as archive:
        for file in FILES:
            content = archive.extractfile(f"dramatiq-{VERSION}/tests/{file}")
            assert content is not None
            (package / file).write_bytes(content.read())
    for ours, theirs in (("package", "__init__"), ("fixtures", "conftest"), ("names", "common")):
        shutil.copy(HERE / "harness" / f"{ours}.py", package / f"{theirs}.py")
    (into / "pytest.ini").write_text("[pytest]\n")
    return into


def run(folder: Path, broker: str, names: set[str] | None = None) -> Report:
    """Run the laid-out suite, or some of its tests, with `broker` (`module:name`) in the place of Dramatiq's."""
    port = free_port()
    with RedisServer(bind="127.0.0.1", port=str(port), appendonly="no"):
        report = folder / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "pytest_timeout",
            "--timeout",
            "60",
            f"--junit-xml={report}",
            "-q",
        ]
        environment = {
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)]),
            "SUITE_BROKER": broker,
            "SUITE_REDIS_PORT": str(port),
        }
        ran = subprocess.run(
            [*command, *(f"tests/{name}" for name in sorted(names or FILES))],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    return read(report, ran.stdout + ran.stderr)


def read(report: Path, output: str) -> Report:
    """Read what pytest wrote; a suite that could not even be collected has no tests."""
    found = Report(output=output)
    if not report.exists():
        return found
    for case in ET.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}.py::{case.get('name')}"
        kinds = {child.tag for child in case}
        outcome = (
            found.failed if kinds & {"failure", "error"} else found.skipped if "skipped" in kinds else found.passed
        )
        outcome.add(name)
    return found


def free_port() -> int:
    """Return a loopback port; the tests speak TCP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
