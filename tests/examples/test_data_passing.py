from decimal import Decimal

import pytest

from examples import data_passing
from examples.data_passing import Item, Order
from spane import InputError

ORDER = Order(
    id=7, country="AT", items=[Item(name="tea", price=Decimal("4.50"), quantity=2), Item(name="pot", price=Decimal(20))]
)


def test_every_way_of_passing_meets_in_the_letter(spane):
    expected = "Invoice for order 7\n  2 x tea\n  1 x pot\n  to pay: 39.48"
    assert expected == spane.run(data_passing.invoice, order=ORDER)


def test_parents_are_merged_by_node_id(spane):
    seen = []

    def total(parts):
        seen.append(dict(parts))
        return Decimal(0)

    spane.replace("total", with_=total)
    spane.run(data_passing.invoice, order=ORDER)
    assert [{"goods": "29.00", "shipping": "3.90", "tax": "6.58"}] == seen


def test_an_input_that_does_not_fit_names_its_place(spane):
    with pytest.raises(InputError, match=r"order.*price"):
        spane.run(data_passing.invoice, order={"id": 7, "country": "AT", "items": [{"name": "tea", "price": "cheap"}]})
