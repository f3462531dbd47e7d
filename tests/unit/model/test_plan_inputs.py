import msgspec
import pytest

from spane.model.plan import Plan, PlanInput


@pytest.mark.parametrize("default", [b'"census.svg"', b"null", b"0", b"[]", b'{"a":1}'])
def test_a_plan_reads_back_with_the_default_of_an_input(default):
    plan = Plan("census", (), (PlanInput("path"), PlanInput("chart", msgspec.Raw(default), required=False)))
    back = msgspec.json.decode(plan.encode(), type=Plan)
    assert default == bytes(back.inputs[1].default)
    assert back.inputs[0].default is None
    assert plan.hash == back.hash
