from decimal import Decimal

import pytest

from spane import InputError


@pytest.fixture
def order(data_passing):
    tea = data_passing.Item(name="tea", price=Decimal("4.50"), quantity=2)
    return data_passing.Order(id=7, country="AT", items=[tea, data_passing.Item(name="pot", price=Decimal(20))])


def test_every_way_of_passing_meets_in_the_letter(data_passing, order, spane):
    expected = "Invoice for order 7\n  2 x tea\n  1 x pot\n  to pay: 39.48"
    assert expected == spane.run(data_passing.invoice, order=order)


def test_parents_are_merged_by_node_id(data_passing, order, spane):
    seen = []

    def total(parts):
        seen.append(dict(parts))
        return Decimal(0)

    spane.replace("total", with_=total)
    spane.run(data_passing.invoice, order=order)
    assert [{"goods": "29.00", "shipping": "3.90", "tax": "6.58"}] == seen


def test_an_input_that_does_not_fit_names_its_place(data_passing, spane):
    with pytest.raises(InputError, match=r"order.*price"):
        spane.run(data_passing.invoice, order={"id": 7, "country": "AT", "items": [{"name": "tea", "price": "cheap"}]})
