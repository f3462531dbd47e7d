"""Workflows as JSON: the shape that REST and the builder read and write.

    {"id": "orders", "name": "Orders", "entryNodeId": "load", "nodes": [
        {"id": "load", "type": "load_order", "config": {"timeout": 5000}, "inputs": [], "outputs": ["pack"]},
        {"id": "pack", "type": "pack", "inputs": ["load"], "outputs": []}],
     "triggers": [], "maxConcurrency": 4, "priority": 5, "delay": 0, "jobId": "orders-1"}

`inputs` and `outputs` list parents and children by id; either side will do, and where both are given they must
agree. What a node is bound to follows from its parents (see `plain`): one parent gives its exact value, several give
an object by node id, and a node without parents gets the initial data, whole or by name. `config` may hold `retryPolicy`,
`timeout` and `continueOnFail`; the rest of it is the node's own.

What the shape has no word for (paths, constants, `after`, queues, declared inputs, the result) stands in an object
`spane` beside it, so that every draft can be written and read back to the same plan.
"""

from __future__ import annotations

from spane.graph.definition.calling import Workflows
from spane.graph.definition.reading import Lookup, read
from spane.graph.definition.shape import json_schema
from spane.graph.definition.writing import write

__all__ = ["Lookup", "Workflows", "json_schema", "read", "write"]
