def test_a_node_called_outside_a_body_is_its_function(quickstart):
    assert [11.5, 14.0, 12.5] == quickstart.readings("Vienna")


def test_the_body_and_the_signatures_give_the_same_answer(quickstart, spane):
    assert "Vienna: 12.7 degrees over 3 days" == spane.run(quickstart.weather, city="Vienna")
    assert "Vienna: 12.7 degrees over 3 days" == spane.run(quickstart.forecast, city="Vienna")


def test_the_body_and_the_signatures_give_the_same_edges(quickstart):
    assert set(quickstart.weather.graph.edges) == set(quickstart.forecast.graph.edges)


def test_a_workflow_called_runs_as_a_whole(quickstart):
    assert "Lisbon: 18.2 degrees over 2 days" == quickstart.weather(city="Lisbon")
