"""`spane cancel`."""

from __future__ import annotations

from spane.cli import steering


def cancel(
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
    """Cancel executions: nothing new starts in them, and what runs is told to stop.

    Named by their ids, or chosen by the options; without --status, those that have not ended.
    """
    which = steering.chosen(workflow, status, tenant, after, before)
    named = steering.named(ids, which)
    with steering.engine_on(store) as engine:
        results = engine.cancel_many(named, reason=reason, **which)
    steering.conclude(results, "cancelled; attempts that may still end: {}", "running", as_json=as_json)
