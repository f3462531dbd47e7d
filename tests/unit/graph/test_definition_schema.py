"""The published JSON Schema of definitions."""

from __future__ import annotations

import json

from spane.graph import definition


def test_the_schema_is_json_and_says_what_it_is():
    schema = json.loads(json.dumps(definition.json_schema()))
    assert "https://json-schema.org/draft/2020-12/schema" == schema["$schema"]
    assert ["id", "nodes"] == schema["required"]
    assert schema["additionalProperties"] is False


def test_the_schema_has_the_keys_of_the_shape():
    schema = definition.json_schema()
    keys = ["id", "name", "entryNodeId", "nodes", "triggers", "maxConcurrency", "priority", "delay", "jobId", "spane"]
    assert keys == list(schema["properties"])
    assert ["id", "type", "config", "inputs", "outputs", "spane"] == list(schema["$defs"]["Node"]["properties"])
    config = schema["$defs"]["Config"]
    assert ["retryPolicy", "timeout", "continueOnFail"] == list(config["properties"])
    assert config["additionalProperties"] is True


def test_the_schema_says_no_defaults_because_types_have_their_own():
    def keys(part):
        if isinstance(part, dict):
            for key, value in part.items():
                yield key, value
                yield from keys(value)
        elif isinstance(part, list):
            for one in part:
                yield from keys(one)

    # The only `default` is the key of a declared input.
    assert [["description"]] == [list(value) for key, value in keys(definition.json_schema()) if key == "default"]
