"""Commands that messages tell the user to run: whole ones, that work when they are pasted."""

from __future__ import annotations

import shlex

from spane.model.urls import masked

#: What stands in a command in place of a secret that must not reach a log.
_MASK = "***"


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


def cancel(execution: str, *, folder: str) -> str:
    """Return the command that cancels an execution of an embedded store."""
    where = "" if folder == ".spane" else repr(folder)
    code = f"from spane import Engine; Engine.embedded({where}).get('{execution}').cancel()"
    quoted = shlex.quote(code) if set(code) & set('"$`!\\') else f'"{code}"'
    return f"python -c {quoted}"


def _with_secret(command: str) -> str:
    return f"{command}  (with your user and password in place of {_MASK})" if _MASK in command else command
