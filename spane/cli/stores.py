"""Open the store that a verb runs on: embedded, in memory, or a Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from spane.authoring.workflow import Workflow
    from spane.engine import Engine, Execution
    from spane.model.plan import PlanNode
    from spane.settings import Settings

#: Where `spane run` notes in an execution's metadata how it was named.
TARGET = "spane run"

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

    @property
    def folder(self) -> str | None:
        """The folder of an embedded store, as it was written; None for another store."""
        return str(self.engine.settings.embedded_path) if self.kind == "embedded" else None

    @property
    def alone(self) -> bool:
        """Whether no other process used the embedded store when it was opened."""
        return self.engine.server is not None and self.engine.server.found_alone

    def unfinished(self) -> list[Execution[Any]]:
        """Return the executions of an embedded store that an earlier run left; on Redis they are not ours to go on with."""
        return self.engine.executions() if self.kind == "embedded" else []

    def runs(self, execution_id: str) -> str | None:
        """Return the name of the workflow that an execution is one of."""
        return self.engine.store.fields(execution_id, "@wf")[0]

    def target(self, execution_id: str) -> str | None:
        """Return the `FILE:WORKFLOW` by which `spane run` started an execution, None if something else did."""
        metadata = json.loads(self.engine.store.fields(execution_id, "@meta")[0] or "{}")
        target = metadata.get(TARGET)
        return target if isinstance(target, str) else None

    def target_or_name(self, execution_id: str) -> str:
        """Return the `FILE:WORKFLOW` of an execution, with the word `FILE` where nobody noted it."""
        return self.target(execution_id) or f"FILE:{self.runs(execution_id)}"

    def outermost(self, execution_id: str) -> str:
        """Return the execution that a child execution is a part of, through all that run each other; itself where nothing runs it."""
        while up := self.engine.store.fields(execution_id, "@up")[0]:
            execution_id = up.partition("|")[0]
        return execution_id

    def workers(self) -> bool:
        """Tell whether anybody works on the store."""
        from spane.runtime.looking import workers

        return bool(workers(self.engine.store))

    def used_before(self, workflow: Workflow[..., Any], key: str | None) -> str | None:
        """Return the execution that a start key belongs to already."""
        if key is None:
            return None
        holder: Any = self.engine.store.client.get(self.engine.store.keys.start_key(workflow.name, key))
        return None if holder is None else holder.decode().partition("|")[0]

    def planned(self, execution_id: str, node: str) -> PlanNode | None:
        """Return a node of an execution's plan."""
        return next((one for one in self._plan_of(execution_id) if one.id == node), None)

    def is_unfit(self, planned: PlanNode) -> bool:
        """Tell whether a node waits for a worker with other code."""
        from spane.runtime.programs import fingerprint

        return fingerprint(planned) in {lane.rpartition("@")[2] for lane in self.engine.store.unfit()}

    def can_run(self, execution: Execution[Any]) -> bool:
        """Tell whether the code that is loaded here fits an execution's plan."""
        from spane.runtime.programs import DoesNotFit, check_fit

        try:
            for planned in self._plan_of(execution.id):
                check_fit(planned, self.engine.registry.get(planned.type))
        except DoesNotFit:
            return False
        return True

    def _plan_of(self, execution_id: str) -> Iterator[PlanNode]:
        store = self.engine.store
        plan = store.fields(execution_id, "@pl")[0] or ""
        for number in range(store.plan_head(plan).pages):
            page = store.plan_page(plan, number)
            yield from page.nodes if page else ()

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
    elif is_embedded(store, settings):
        engine, kind = Engine.embedded(settings.embedded_path, settings=settings), "embedded"
    else:
        engine, kind = Engine(settings=settings), "redis"
    try:
        yield Opened(engine, kind)  # type: ignore[arg-type]
    finally:
        engine.close()


def is_embedded(store: str | None, settings: Settings) -> bool:
    """Tell whether a verb's store is the embedded one."""
    return store == "embedded" or (store is None and not settings.redis_named)


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
