"""Read the code blocks of a page and do with them what a reader would.

A `python` block with a title is written to that file, one without is part of a program that is run when the page ends (by
pytest if it has tests). The commands of a `console` block are run in the page's folder, and what they print is compared
with what stands below them: any white space is as good as any other, and `...` stands for anything. Blocks of
other kinds are shown only.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export (\w+)=(\S+)$")
LOCAL_REDIS = "redis://localhost:6379/0"
ROOT = Path(__file__).parents[2]


@dataclass
class Command:
    """One command of a console block, and what the page says it prints."""

    line: str
    expected: str


@dataclass
class Reader:
    """Someone who tries out a page in a folder of their own."""

    folder: Path
    redis_url: str | None
    program: list[str] = field(default_factory=list)
    background: list[subprocess.Popen[bytes]] = field(default_factory=list)
    exit_code: int = 0

    def __post_init__(self) -> None:
        shims = self.folder / ".bin"
        shims.mkdir()
        for name, module in {"spane": "spane.cli", "dramatiq": "dramatiq", "pytest": "pytest"}.items():
            (shims / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
            (shims / name).chmod(0o755)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("SPANE_", "REDIS_", "PYTEST_"))
        }
        path = os.pathsep.join([str(shims), str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = kept | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "120"}

    def read(self, text: str) -> None:
        """Do all that the page shows, in its order."""
        for kind, title, body in FENCE.findall(text):
            if kind == "python" and title:
                with (self.folder / title).open("a") as file:
                    file.write(f"{body}\n\n")
            elif kind == "python":
                self.program.append(body)
            elif kind == "console":
                for command in commands(body):
                    self.carry_out(command)
        if self.program:
            self.run_program()

    def carry_out(self, command: Command) -> None:
        """Run a command and compare what it prints."""
        export = EXPORT.match(command.line)
        if export is not None:
            self.environment[export[1]] = export[2].replace(LOCAL_REDIS, self.redis_url or LOCAL_REDIS)
        elif command.line.endswith("&"):
            self.background.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {command.line.removesuffix('&')}"],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        else:
            done = self.run("bash", "-c", f"(exit {self.exit_code}); {command.line}")
            # A process that a signal killed has the code that a shell would show.
            self.exit_code = done.returncode if done.returncode >= 0 else 128 - done.returncode
            if command.expected:
                assert fits(command.expected, done.stdout), (
                    f"$ {command.line}\n{done.stdout}\n--- expected\n{command.expected}"
                )
            else:
                assert done.returncode == 0, f"$ {command.line}\n{done.stdout}"

    def run_program(self) -> None:
        """Run the blocks that have no title, as one program."""
        program = self.folder / "test_page.py"
        program.write_text("\n\n".join(self.program))
        has_tests = any(re.search(r"^def test_", block, re.MULTILINE) for block in self.program)
        done = self.run(
            sys.executable, *(["-m", "pytest", "-q", "-p", "no:cacheprovider"] if has_tests else []), str(program)
        )
        assert done.returncode == 0, done.stdout

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run something to its end; what it writes to stderr is in its output."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=90,
        )

    def close(self) -> None:
        """End what was started in the background."""
        for process in self.background:
            process.send_signal(signal.SIGTERM)
        for process in self.background:
            process.wait(timeout=60)


def commands(block: str) -> list[Command]:
    """Return the commands of a console block."""
    found: list[Command] = []
    for line in block.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:].strip(), ""))
        else:
            found[-1].expected += f"{line}\n"
    return found


def fits(expected: str, printed: str) -> bool:
    """Tell whether a page's output is what was printed, loosely."""
    # Dots on a line of their own stand for no line as well.
    parts = re.sub(r"\s*^\.\.\.$\s*", "...", expected.strip(), flags=re.MULTILINE).split("...")
    loose = ".*?".join(r"\s+".join(re.escape(word) for word in re.split(r"\s+", part)) for part in parts)
    return re.fullmatch(loose, printed.strip(), re.DOTALL) is not None
