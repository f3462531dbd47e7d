"""Data passing: every way in which a value reaches a node.

Shows an entry that gets the input as it was given, one parent passed whole, a part of an output, several parents by
parameter, all parents merged by node id (`Parents`), and the result of an ancestor that is no parent
(`Context.result`). Values cross as JSON and arrive as what the parameter's annotation says: pydantic models, decimals.

Run it here, on the embedded store:

    spane run examples/data_passing.py:invoice --input '{"order": {"id": 7, "country": "AT", "items":
        [{"name": "tea", "price": "4.50", "quantity": 2}]}}'

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.data_passing
    spane run examples/data_passing.py:invoice --input ...
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel

from spane import Context, Parents, current, node, workflow

SHIPPING = {"AT": Decimal("3.90"), "PT": Decimal("7.50")}


class Item(BaseModel):
    name: str
    price: Decimal
    quantity: int = 1


class Order(BaseModel):
    id: int
    country: str
    items: list[Item]


@node
def accept(order: Order) -> Order:
    """An entry: it gets the workflow's input unchanged."""
    return order


@node
def goods(order: Order) -> Decimal:
    """One parent: its exact value. Changing it here would change no stored result, because it is a copy."""
    return sum((item.price * item.quantity for item in order.items), Decimal(0))


@node
def shipping(country: str) -> Decimal:
    """A part of an output: the body passes `order.country`."""
    return SHIPPING.get(country, Decimal("12.00"))


@node
def tax(goods: Decimal, shipping: Decimal) -> Decimal:
    """Several parents, each by its parameter."""
    return ((goods + shipping) * Decimal("0.20")).quantize(Decimal("0.01"))


@node
def total(parts: Parents) -> Decimal:
    """Several parents merged by node id, whatever order they finished in: {"goods": "9.00", "shipping": ...}."""
    return sum((Decimal(part) for part in parts.values()), Decimal(0))


@node
def letter(total: Decimal, context: Context = current()) -> str:
    """An ancestor's result by its id, without an edge from it."""
    order = context.result("accept", Order)
    lines = [f"  {item.quantity} x {item.name}" for item in order.items]
    return "\n".join([f"Invoice for order {order.id}", *lines, f"  to pay: {total}"])


@workflow
def invoice(order: Order) -> str:
    accepted = accept(order)
    value, sending = goods(accepted), shipping(accepted.country)
    return letter(total(Parents.of(value, sending, tax(value, sending))))


if __name__ == "__main__":
    print(invoice(order=Order(id=7, country="AT", items=[Item(name="tea", price=Decimal("4.50"), quantity=2)])))
