"""`spane resume`."""

from __future__ import annotations

from spane.cli import steering


def resume(
    ids: steering.Ids = None,
    workflow: steering.Workflow = None,
    status: steering.Status = None,
    tenant: steering.Tenant = None,
    after: steering.After = None,
    before: steering.Before = None,
    store: steering.Store = None,
    as_json: steering.Json = False,
) -> None:
    """Resume paused executions: they go on where they stopped, and delays that are left are kept.

    Named by their ids, or chosen by the options.
    """
    which = steering.chosen(workflow, status, tenant, after, before)
    named = steering.named(ids, which)
    with steering.store_on(store) as opened:
        results = opened.engine.resume_many(named, **which)
        going = [each for each, status in results.items() if not isinstance(status, Exception) and not status.ended]
        hint = steering.idle(opened, going, store=store)
    steering.conclude(results, "resumed; it is {}", "status", as_json=as_json, hint=hint)
