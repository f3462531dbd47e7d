"""Processes that the benchmark starts, and what they cost. It ends by pid what it started, and nothing else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import RedisServer

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A redis-server of our own, on loopback like a real one."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis_server(append_only: str = "no") -> Iterator[Server]:
    """Start a redis-server on a free loopback port; `append_only` is "no", "everysec" or "always"."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = {"appendonly": "no"} if append_only == "no" else {"appendonly": "yes", "appendfsync": append_only}
    with RedisServer(bind="127.0.0.1", port=str(port), **log) as server:
        yield Server(server.pid, port)


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


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Keep a process that `workers` started, and all of its own, from running meanwhile."""
    os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(pid, signal.SIGCONT)


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


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process and all that descend from it."""
    found = 0
    for each in [pid, *_descendants(pid)]:
        for line in Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                found += int(line.split()[1])
    return found


def keep_to(cores: set[int], pid: int) -> None:
    """Let a process, all its threads and all that descends from it run on these cores alone."""
    for each in [pid, *_descendants(pid)]:
        for thread in Path(f"/proc/{each}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


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
