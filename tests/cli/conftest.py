"""The command line in processes of its own, in a folder of the test's own."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPANE = (sys.executable, "-m", "spane.cli")
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


def environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPANE_") and name != "REDIS_URL"}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "120"} | given


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The working folder of `spane`, with shop.py in it."""
    shutil.copy(Path(__file__).with_name("shop.py"), tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Run `spane` to its end."""

    def run(*arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SPANE, *arguments],
            cwd=folder,
            env=environment(**env),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start `spane` and go on; what is still running at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*SPANE, *arguments],
            cwd=folder,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def on_terminal(folder: Path) -> Callable[..., tuple[int, str]]:
    """Run `spane` on a terminal of 120 by 40 and return its exit code and all that it drew.

    `once` maps a text to what is to be done when it is seen.
    """

    def on_terminal(
        *arguments: str, once: dict[str, Callable[[], object]] | None = None, **env: str
    ) -> tuple[int, str]:
        waiting = dict(once or {})
        near, far = pty.openpty()
        settings = environment(**{"TERM": "xterm-256color", "LINES": "40"} | env)
        with subprocess.Popen(
            [*SPANE, *arguments], cwd=folder, env=settings, stdin=far, stdout=far, stderr=far, start_new_session=True
        ) as process:
            os.close(far)
            drawn = bytearray()
            try:
                while chunk := os.read(near, 65536):
                    drawn += chunk
                    for text in [text for text in waiting if text.encode() in drawn]:
                        waiting.pop(text)()
            except OSError:  # the terminal's other side is closed
                pass
            finally:
                os.close(near)
            return process.wait(timeout=60), drawn.decode()

    return on_terminal


@pytest.fixture
def pipes(folder: Path) -> Path:
    """The pipes of the node `hold`: it opens `at` when it runs, and goes on when `go` is opened."""
    os.mkfifo(folder / "at")
    os.mkfifo(folder / "go")
    return folder


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C, and return what the process said until it ended."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=60)
