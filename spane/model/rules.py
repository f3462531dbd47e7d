"""The rules of a node or a workflow, as its plan holds them: retries, limits, circuit breakers, maps."""

from __future__ import annotations

from typing import Literal

import msgspec

OnFailure = Literal["fail", "continue", "skip"]
WhenOpen = Literal["fail", "wait"]
OnItemFailure = Literal["fail", "collect", "skip"]

#: How many items of a map are queued or running at a time unless it says otherwise.
ITEMS_IN_FLIGHT = 1_000


class Each(msgspec.Struct, frozen=True, omit_defaults=True):
    """What makes a node a map: its type runs once for each item of the list that `parameter` is bound to.

    No more than `max_in_flight` items are queued or running at a time, None for `ITEMS_IN_FLIGHT`. `on_item_failure` says
    what becomes of the map where an item used up its attempts: it fails with it, its error stands in the list in its
    place, or the item is left out.
    """

    parameter: str
    max_in_flight: int | None = None
    on_item_failure: OnItemFailure = "fail"


class RetryPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often and when a node is tried again.

    The wait before attempt n+1 (n counts from 1) is `base_s` when fixed, else `base_s * factor ** (n - 1)`,
    never more than `max_s`; `jitter` (0 to 1) takes off a random share of up to that size. `retry_on` and
    `give_up_on` name exception classes as `module:qualname`, matched against the classes of the exception
    and its bases; `give_up_on` wins.
    """

    attempts: int = 3
    backoff: Literal["exponential", "fixed"] = "exponential"
    base_s: float = 1.0
    factor: float = 2.0
    max_s: float = 3600.0
    jitter: float = 0.0
    retry_on: tuple[str, ...] = ("builtins:Exception",)
    give_up_on: tuple[str, ...] = ()


class LimitRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many may run at once, and how many may start in a period; each None where that is not limited.

    Without `burst`, no period, wherever it begins, has more than `rate` starts. With it, up to `burst` start at once after
    a quiet time, and `rate` in each period from then on. With `key` all of this holds for each value of the parameter of
    that name, or of a part of it (`order.customer`).
    """

    concurrency: int | None = None
    rate: int | None = None
    period_ms: int = 1_000
    burst: int | None = None
    key: str | None = None


class BreakerRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A circuit breaker: `failures` within `window_ms` open it for `timeout_ms`; then one attempt at a time tries, and `successes` close it.

    `name` is shared by all nodes that name it, '' for one of the node's type. With `keyed`, each value of the key
    that the node's code gives has a breaker of its own. `counts` name exception classes as `RetryPolicy` does.
    """

    name: str = ""
    failures: int = 5
    successes: int = 2
    timeout_ms: int = 60_000
    window_ms: int = 120_000
    when_open: WhenOpen = "fail"
    keyed: bool = False
    counts: tuple[str, ...] = ("builtins:Exception",)
