"""Branches: what runs next is decided by values that only a run knows.

An order is posted or fetched by its country, a large one is insured as well, and a node of its own chooses who is told.
What is not chosen is skipped, and whoever joins the branches again takes what there is.

Run it here, on the embedded store:

    python examples/branching.py

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.branching
    python examples/branching.py
"""

from __future__ import annotations

import os

from pydantic import BaseModel

from spane import Engine, Parents, Route, coalesce, node, switch, when, workflow


class Order(BaseModel):
    name: str
    country: str
    euros: float


@node
def take(order: Order) -> Order:
    return order


@node
def insure(order: Order) -> float:
    return order.euros / 100


@node
def by_post(order: Order) -> str:
    return f"{order.name} goes by post"


@node
def by_ship(order: Order) -> str:
    return f"{order.name} goes by ship"


@node
def ask_for_quote(order: Order) -> str:
    return f"somebody asks what {order.name} would cost"


@node
def bill(way: str, insurance: float) -> str:
    return f"{way}, insured for {insurance:.2f}" if insurance else way


@node
def whom_to_tell(order: Order) -> Route[str]:
    """Choose among the children: the customer always, the manager as well where much is at stake."""
    return Route("tell_customer", *(["tell_manager"] if order.euros >= 1000 else []), value=order.name)


@node
def tell_customer(parents: Parents) -> str:
    return f"who ordered {parents['whom_to_tell']}"


@node
def tell_manager(parents: Parents) -> str:
    return f"who sells {parents['whom_to_tell']}"


@node
def sum_up(billed: str, customer: str | None = None, manager: str | None = None) -> str:
    return f"{billed}; told: {', '.join(who for who in (customer, manager) if who)}"


@workflow
def deliver(order: Order) -> str:
    taken = take(order)
    with when(taken.euros > 100):
        insurance = insure(taken)
    with switch(taken.country) as country:
        with country.case("AT", "DE"):
            posted = by_post(taken)
        with country.case("IS"):
            shipped = by_ship(taken)
        with country.default():
            asked = ask_for_quote(taken)
    billed = bill(coalesce(posted, shipped, asked), coalesce(insurance, default=0.0))
    told = whom_to_tell(taken)
    return sum_up(billed, tell_customer(Parents.of(told)), tell_manager(Parents.of(told)))


def main(engine: Engine) -> list[str]:
    """Return what became of four orders, and what was skipped of the first."""
    orders = (("a pen", "AT", 3.0), ("a clock", "DE", 250.0), ("a boat", "IS", 9000.0), ("a tent", "NZ", 90.0))
    runs = [
        engine.start(deliver, {"order": {"name": name, "country": country, "euros": euros}})
        for name, country, euros in orders
    ]
    told = [run.result(timeout_s=30) for run in runs]
    skipped = [name for name, view in runs[0].nodes().items() if view.state == "skipped"]
    return [*told, f"skipped for the pen: {', '.join(sorted(skipped))}"]


if __name__ == "__main__":
    if os.environ.get("SPANE_REDIS_URL"):
        with Engine() as engine:
            print("\n".join(main(engine)))
    else:
        with Engine.embedded() as engine, engine.work():
            print("\n".join(main(engine)))
