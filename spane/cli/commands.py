"""Commands that messages tell the user to run: whole ones, that work when they are pasted."""

from __future__ import annotations

import shlex

from spane.model.urls import masked

#: What stands in a command in place of a secret that must not reach a log.
_MASK = "***"
#: Where an embedded store is if nobody says otherwise.
_FOLDER = ".spane"


def follow(target: str, execution: str, *, store: str | None, work: bool = False) -> str:
    """Return the command that watches an execution, and goes on with it where the store is embedded."""
    named = ["--store", masked(store)] if store is not None else []
    command = shlex.join(["spane", "run", target, *named, *(["--work"] if work else []), "--follow", execution])
    return _with_secret(command)


def worker(module: str, *, store: str | None) -> str:
    """Return the command that runs workers for a module's nodes."""
    command = shlex.join(["spane", "worker", module])
    if store is None or "://" not in store:
        return command
    return _with_secret(f"SPANE_REDIS_URL={shlex.quote(masked(store))} {command}")


def cancel(execution: str, *, folder: str | None, store: str | None) -> str:
    """Return the command that cancels an execution; `folder` is that of an embedded store."""
    return _on_store("cancel", execution, folder=folder, store=store)


def signal(execution: str, event: str, *, folder: str | None, store: str | None) -> str:
    """Return the command that sends an event to an execution, with a word in place of its data."""
    return _on_store("signal", execution, event, "DATA", folder=folder, store=store)


def retry(letter: str, *, folder: str | None, store: str | None) -> str:
    """Return the command that retries a dead letter."""
    return _on_store("dlq", "retry", letter, folder=folder, store=store)


def _on_store(*words: str, folder: str | None, store: str | None) -> str:
    named = ["--store", masked(store)] if store is not None else []
    command = shlex.join(["spane", *words, *named])
    where = "" if folder in (None, _FOLDER) else f"SPANE_EMBEDDED_PATH={shlex.quote(folder)} "
    return _with_secret(where + command)


def _with_secret(command: str) -> str:
    return f"{command}  (with your user and password in place of {_MASK})" if _MASK in command else command
