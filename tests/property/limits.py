"""Limits in a world of schedules: which nodes have one, and what must hold of them after every call."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from spane.model.plan import Plan, PlanNode
from spane.model.rules import LimitRule
from spane.runtime.store import Store

#: The rules by node type; every plan has the same for a type.
RULES: Mapping[str, LimitRule] = {
    "one": LimitRule(concurrency=1),
    "two": LimitRule(concurrency=2, rate=3, period_ms=2_000),
    "rated": LimitRule(rate=2, period_ms=600),
    "burst": LimitRule(rate=2, period_ms=600, burst=3),
    "keyed": LimitRule(concurrency=1, key="customer"),
}
#: All executions fall under it where their plans have it.
POOL = "@flow0"
_AT_ONCE = {"one": 1, "two": 2, "keyed/even": 1, "keyed/odd": 1, POOL: 1}
#: Of some children one may run at once for each half of their parents' numbers.
OF_CHILDREN = LimitRule(concurrency=1, key="half")


def strewn(plan: Plan, rng: random.Random, *, share: float | None = None) -> Plan:
    """Return a plan in which a share of the nodes have a limit, and perhaps its executions."""
    share = rng.choice((0, 0, 0.2, 0.5)) if share is None else share
    nodes = tuple(_limited(node, rng) if not node.waits and rng.random() < share else node for node in plan.nodes)
    limit = LimitRule(concurrency=1) if rng.random() < 0.2 else None
    return msgspec.structs.replace(plan, nodes=nodes, limit=limit)


def _limited(node: PlanNode, rng: random.Random) -> PlanNode:
    name = rng.choice(sorted(RULES))
    return msgspec.structs.replace(node, type=name, limit=RULES[name])


def pool_of_child(kid: Plan, child: str) -> str:
    """Return the pool that a child execution falls under, '' where its plan has no limit."""
    return "" if kid.limit is None else f"@{kid.workflow}/{key_of(child)}"


def pools(kids: Iterable[Plan]) -> dict[str, int]:
    """Return how many may have a slot of each pool, with those of limited children."""
    own = {f"@{kid.workflow}/{key}": 1 for kid in kids if kid.limit is not None for key in ("odd", "even")}
    return _AT_ONCE | own


def key_of(node: str) -> str:
    """Return the key of a node whose type goes by key, or of a child whose workflow does."""
    return "odd" if node[-1] in "13579" else "even"


#: A child that runs under the limit of its workflow and holds no slot of it (not so others: their rule may come later), and
#: a node that was put aside and has one kept for it; one that waits where another of a lower priority has that; then for each pool how many hold a slot, were offered one, and wait, and
#: whether its type rests or its timer is set.
_LOOK = """
local found = {'', '', ''}
for _, execution in ipairs(redis.call('ZRANGE', KEYS[1] .. 'active', 0, -1)) do
  local h = redis.call('HMGET', KEYS[1] .. 'x:' .. execution, '@st', '@lim')
  local keyed = h[1] == 'running' and h[2] and string.find(h[2], '/', 1, true)
  if keyed and redis.call('HEXISTS', KEYS[1] .. 'lim:' .. h[2], execution) == 0 then found[1] = execution end
end
for _, pool in ipairs(ARGV) do
  local stem = KEYS[1] .. 'lim:' .. pool
  for _, hint in ipairs(redis.call('ZRANGE', stem .. ':o', 0, -1)) do
    local execution, node = string.match(hint, '^([^|]+)|(.+)$')
    local state = execution and redis.call('HGET', KEYS[1] .. 'x:' .. execution, node)
    if state and string.sub(state, 1, 1) == 'P' then found[2] = hint end
  end
  local last, first = redis.call('ZRANGE', stem .. ':o', -1, -1, 'WITHSCORES'), redis.call('ZRANGE', stem .. ':w', 0, 0, 'WITHSCORES')
  if last[2] and first[2] and last[2] - first[2] > 5e12 and redis.call('HEXISTS', KEYS[1] .. 'rests', pool) == 0 then
    found[3] = first[1]
  end
  for _, count in ipairs({
    redis.call('HLEN', stem), redis.call('ZCARD', stem .. ':o'), redis.call('ZCARD', stem .. ':w'),
    redis.call('HEXISTS', KEYS[1] .. 'rests', pool), redis.call('ZSCORE', KEYS[1] .. 't', 'l|' .. pool) and 1 or 0
  }) do found[#found + 1] = count end
end
return found
"""


def wrong(store: Store, pools: Mapping[str, int], *, healed: bool) -> str | None:
    """Return what is wrong about the limits now; an execution that was healed counts, but does not wait."""
    found: Any = store.client.eval(_LOOK, 1, store.keys.prefix, *pools)
    if found[0]:
        return f"{found[0].decode()} runs without a slot of its workflow's limit"
    if found[1]:
        return f"{found[1].decode()} was put aside, and a slot is kept for it"
    if found[2]:
        return f"{found[2].decode()} waits, and a slot is kept for one of a lower priority"
    for (pool, most), at in zip(pools.items(), range(3, len(found), 5), strict=True):
        held, offered, waits, rests, timed = found[at : at + 5]
        if held + offered > most and not (pool.startswith("@") and healed):
            return f"{held} hold a slot of {pool} and {offered} were offered one, but there are {most}"
        # Who was offered the last start that a rate leaves hands on as soon as it begins, or has no use for it.
        goes_on = rests or timed or (offered and pool in RULES and RULES[pool].rate is not None)
        if waits and held + offered < most and not goes_on:
            return f"{waits} wait for {pool}, where {most - held - offered} slots are free"
    return None
