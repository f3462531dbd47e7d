"""Approval by a person: an execution waits for hours, holds no worker meanwhile, and goes on when somebody has decided.

An expense is small enough to be paid at once, or somebody is asked. Whoever decides sends the event `decided` to the execution: a web
page, a chat bot, or the command line. Who does not decide in time has declined.

Run it here, on the embedded store:

    python examples/approval.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.approval
    python examples/approval.py

The same from the command line: `spane signal ID decided '{"by": "ada", "verdict": "yes"}'`.
"""

from __future__ import annotations

import os
from typing import Literal

from pydantic import BaseModel

from spane import Engine, SpaneError, coalesce, node, wait_for_event, when, workflow


class Expense(BaseModel):
    who: str
    euros: float


class Decision(BaseModel):
    by: str
    verdict: Literal["yes", "no"]


@node
def review(expense: Expense) -> Literal["small", "large"]:
    return "small" if expense.euros < 100 else "large"


@node
def ask(expense: Expense) -> str:
    return f"{expense.who} wants {expense.euros:.2f} euros"  # in real life, a mail to whoever decides


@node
def pay(expense: Expense) -> str:
    return f"{expense.who} is paid {expense.euros:.2f} euros"


@node
def answer(expense: Expense, decision: Decision | None) -> str:
    if decision is None:
        return f"{expense.who} is declined: nobody decided"
    if decision.verdict == "no":
        return f"{expense.who} is declined by {decision.by}"
    return f"{expense.who} is paid {expense.euros:.2f} euros, approved by {decision.by}"


@workflow
def reimburse(expense: Expense) -> str:
    size = review(expense)
    with when(size == "small") as small:
        paid = pay(expense)
    with small.otherwise():
        asked = ask(expense)
        # Three seconds here; days in real life.
        decision = wait_for_event("decided", Decision, timeout_s=3, on_timeout=None, after=asked)
        answered = answer(expense, decision)
    return coalesce(paid, answered)


def main(engine: Engine) -> list[str]:
    """Return what became of four expenses."""
    euros = {"ada": 20.0, "bob": 300.0, "cyd": 400.0, "dan": 500.0}
    runs = {who: engine.start(reimburse, {"expense": {"who": who, "euros": much}}) for who, much in euros.items()}
    runs["bob"].signal("decided", Decision(by="eve", verdict="yes"))
    engine.signal(runs["cyd"].id, "decided", {"by": "eve", "verdict": "no"})
    told = []
    try:
        runs["dan"].signal("decided", {"by": "eve", "verdict": "maybe"})
    except SpaneError as error:
        told.append(f"eve cannot say maybe: {type(error).__name__}")
    return [*told, *(run.result(timeout_s=30) for run in runs.values())]


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
