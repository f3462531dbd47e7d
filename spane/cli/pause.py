"""`spane pause`."""

from __future__ import annotations

from spane.cli import steering


def pause(
    ids: steering.Ids = None,
    reason: steering.Reason = "",
    workflow: steering.Workflow = None,
    status: steering.Status = None,
    tenant: steering.Tenant = None,
    after: steering.After = None,
    before: steering.Before = None,
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """Pause executions: nothing new starts in them until they are resumed; what runs may end.

    Named by their ids, or chosen by the options; without --status, those that are running or scheduled.
    """
    which = steering.chosen(workflow, status, tenant, after, before)
    named = steering.named(ids, which)
    with steering.engine_on(store) as engine:
        results = engine.pause_many(named, reason=reason, **which)
    steering.conclude(results, "paused; attempts that may still end: {}", "running", as_json=as_json)
