"""Processes that the benchmark starts, and what they cost. It ends by pid what it started, and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A redis-server of our own."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis_server(append_only: str = "no") -> Iterator[Server]:
    """Start a redis-server on a free loopback port; `append_only` is "no", "everysec" or "always"."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise SystemExit("The benchmark needs redis-server on the path (for example: apt-get install redis-server).")
    with tempfile.TemporaryDirectory(prefix="spane-bench-") as folder:
        port = free_port()
        command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        command += ["--appendonly", "no" if append_only == "no" else "yes", "--maxmemory-policy", "noeviction"]
        if append_only != "no":
            command += ["--appendfsync", append_only]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            until_listening(port, process)
            yield Server(process, port)
        finally:
            end(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_listening(port: int, process: subprocess.Popen[bytes], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"redis-server did not listen on port {port}")


@contextmanager
def workers(*arguments: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `dramatiq` with these arguments; its output is shown only if it ends by itself."""
    command = [sys.executable, "-m", "dramatiq", *arguments]
    with tempfile.NamedTemporaryFile(prefix="spane-bench-worker-") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        except BaseException:
            sys.stderr.write(Path(log.name).read_text()[-4000:])
            raise
        finally:
            end(process)


def end(process: subprocess.Popen[bytes], timeout_s: float = 20) -> None:
    """End a process, and what it started, gently first."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and all that descend from it."""
    return sum(_own_cpu_s(each) for each in [pid, *_descendants(pid)])


def machine_cpu_s() -> float:
    """Return the processor seconds that the whole machine has worked."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:7])) / TICKS


def _stat(pid: int | str) -> list[int]:
    """Return the numbers of /proc/<pid>/stat from the parent's id on; none if it has ended."""
    try:
        return [int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1:]]
    except OSError:
        return []


def _own_cpu_s(pid: int) -> float:
    return sum(_stat(pid)[10:14]) / TICKS  # its own, and that of children that it has waited for


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (numbers := _stat(folder.name)):
            children.setdefault(numbers[0], []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
