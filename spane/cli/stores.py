"""Open the store that a verb runs on: embedded, in memory, or a Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from spane.authoring.workflow import Workflow
    from spane.engine import Engine, Execution
    from spane.settings import Settings

Kind = Literal["embedded", "memory", "redis"]


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine and what kind of store it stands on."""

    engine: Engine
    kind: Kind

    def require_suitable(self) -> None:
        """Raise `StoreUnsuitable` where a Redis would not keep what it is given; the other stores are ours."""
        from spane.runtime.suitability import require_suitable

        if self.kind == "redis":
            store = self.engine.store
            require_suitable(store.client, allow=self.engine.settings.allow_unsafe_redis, prefix=store.keys.prefix)

    def working(self, threads: int, *, here: bool) -> AbstractContextManager[Any]:
        """Run a worker in this process for as long as the `with` lasts, where nodes are to run here."""
        # In memory the engine starts a worker by itself.
        if self.kind == "memory" or not (here or self.kind == "embedded"):
            return nullcontext()
        return self.engine.work(threads)

    def unfinished(self) -> list[Execution[Any]]:
        """Return the executions of an embedded store that an earlier run left; on Redis they are not ours to go on with."""
        return self.engine.executions() if self.kind == "embedded" else []

    def runs(self, execution_id: str) -> str | None:
        """Return the name of the workflow that an execution is one of."""
        return self.engine.store.fields(execution_id, "@wf")[0]

    def left_by(self, workflow: Workflow[..., Any], inputs: bytes) -> Execution[Any] | None:
        """Return an unfinished execution of the same plan with the same inputs."""
        for execution in self.unfinished():
            name, plan = self.engine.store.fields(execution.id, "@wf", "@pl")
            if (name, plan) != (workflow.name, workflow.plan.hash):
                continue
            if self.engine.store.outputs(execution.id, ["@in"]).get("@in") == inputs:
                return execution
        return None


@contextmanager
def opened(store: str | None, settings: Settings) -> Iterator[Opened]:
    """Open `embedded`, `memory` or a Redis URL; without a word, the Redis that is set, or the embedded store.

    Whether a Redis is fit to be used is asked by `require_suitable`.
    """
    from spane.engine import Engine

    if store == "memory":
        engine, kind = Engine.in_memory(settings=settings), "memory"
    elif store == "embedded" or (store is None and not settings.redis_named):
        engine, kind = Engine.embedded(settings.embedded_path, settings=settings), "embedded"
    else:
        engine, kind = Engine(settings=settings), "redis"
    try:
        yield Opened(engine, kind)  # type: ignore[arg-type]
    finally:
        engine.close()


def settings_for(store: str | None) -> Settings:
    """Return the settings, with a Redis URL given on the command line in its place."""
    from spane.errors import Fault, SettingsError
    from spane.settings import Settings

    if store in (None, "embedded", "memory"):
        return Settings()
    if "://" not in store:
        raise SettingsError(
            "The command line",
            [
                Fault(
                    "bad-store",
                    f"there is no store {store!r}. Write embedded (kept in .spane/), memory (kept nowhere), or the URL "
                    "of a Redis: redis://host:6379/0, rediss://... for TLS, unix:///path/to/redis.sock.",
                    "--store",
                )
            ],
        )
    return Settings(redis_url=store)
