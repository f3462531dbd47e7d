import pytest

from spane.model.state import ExecutionState


def kinds(spane, node):
    return [str(event.kind) for event in spane.events if event.node == node]


def test_a_shipment_survives_lost_connections_a_busy_courier_and_a_failing_insurance(retries, spane):
    assert "A-17: 5.25; insure: no insurance for A-17" == spane.run(retries.shipment, parcel="A-17")


def test_a_lost_connection_is_tried_again_by_its_policy(retries, spane):
    spane.run(retries.shipment, parcel="A-18")
    assert 2 == kinds(spane, "weigh").count("node_retrying")


def test_coming_back_later_spends_no_attempt(retries, spane):
    execution = spane.start(retries.shipment, {"parcel": "A-19"})
    execution.wait()
    assert 1 == kinds(spane, "price").count("node_retrying")
    assert 1 == execution.nodes()["price"].attempt


def test_an_unrecoverable_error_is_not_tried_again(retries, spane):
    spane.run(retries.shipment, parcel="A-20")
    assert 0 == kinds(spane, "insure").count("node_retrying")
    assert 1 == kinds(spane, "insure").count("node_failed")


def test_exhausted_attempts_fail_the_execution_and_show_the_users_error(retries, spane):
    with pytest.raises(LookupError, match="A-17 is nowhere to be found"):
        spane.run(retries.hopeless, parcel="A-17")
    assert 1 == kinds(spane, "lose").count("node_retrying")


def test_a_hopeless_shipment_ends_as_failed(retries, spane):
    assert ExecutionState.FAILED == spane.start(retries.hopeless, {"parcel": "A-17"}).wait()
