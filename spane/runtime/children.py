"""Child executions, as the nodes that run them see them: what starts one, and what one has come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from spane.errors import DeadlineExceeded, ExecutionFailed, SubWorkflowFailed, UnknownExecution, ValueMismatch
from spane.model import codec
from spane.model.ids import new_execution_id
from spane.model.limit_keys import pool_of_workflow
from spane.model.outcome import Descends
from spane.model.plan import PlanNode
from spane.runtime import endings
from spane.runtime.store import Store, translated


def descend(store: Store, node: PlanNode, given: Mapping[str, Any], number: int) -> Descends:
    """Return the outcome that starts the child of a node, with the defaults of inputs that were not given."""
    if node.child is None:
        raise ValueMismatch(f"Node {node.id!r} runs no workflow: its plan names none.", node=node.id, parameter="")
    head = store.plan_head(node.child)
    members = {name: codec.dump(value) for name, value in given.items()}
    for known in head.inputs:
        if known.name in members:
            continue
        if known.default is not None:
            members[known.name] = bytes(known.default)
        elif known.required:
            raise ValueMismatch(
                f"Node {node.id!r} has nothing for the input {known.name!r} of workflow {head.workflow!r}: "
                f"{_why_nothing(node, known.name)}",
                node=node.id,
                parameter=known.name,
            )
    inputs = b"{" + b",".join(msgspec.json.encode(name) + b":" + raw for name, raw in members.items()) + b"}"
    pool = pool_of_workflow(head.workflow, head.limit, inputs)
    return Descends(new_execution_id(), node.child, head.workflow, inputs, pool, number)


def _why_nothing(node: PlanNode, name: str) -> str:
    """Say why a node has nothing for an input, and what to do; `inputMapping` is of the config of a definition's node."""
    mapping = msgspec.json.decode(node.config).get("inputMapping", {})
    if name in mapping:
        return (
            f"its inputMapping takes that from {mapping[name]!r}, where nothing stands in what the node is given. Correct the "
            "path, have the node before it give that, or give the input a default."
        )
    return "what feeds it was skipped, failed or not given. Give the input a default, or feed it by coalesce(...)."


def of(store: Store, execution: str) -> list[tuple[str, str]]:
    """Return the children of an execution with the nodes that run them, the oldest first."""
    with translated():
        entries: Any = store.client.lrange(store.keys.children(execution), 0, -1)
    pairs = (entry.decode().partition("|") for entry in entries)
    return [(child, node) for child, _, node in pairs]


def ending(store: Store, child: str, status: str, workflow: str) -> bytes:
    """Return the result of a child that has completed as JSON, or raise why there is none."""
    subject = f"Sub-workflow {workflow!r} (execution {child!r})"
    if status == "cancelled":
        reason = store.fields(child, "@why")[0]
        why = f": {reason}" if reason else ""
        raise _failed(
            f"{subject} was cancelled{why}. Replay it, or retry this node to run it anew.", child, workflow, status
        )
    try:
        if status != "gone":
            return endings.result(store, child) or b"null"
    except UnknownExecution:
        status = "gone"
    except ExecutionFailed as error:
        raise _failed(
            f"{subject} failed: {_in_words(store, error)}", child, workflow, status, node=error.node, error=error.error
        ) from None
    raise _failed(
        f"{subject} is not in the store any more: the store has lost data. Retry this node to run it anew.",
        child,
        workflow,
        status,
    )


def _in_words(store: Store, error: ExecutionFailed) -> str:
    if isinstance(error, DeadlineExceeded):
        return error.why
    if error.error is None:
        return "nobody knows why any more."
    tries = "1 attempt" if error.error.attempt == 1 else f"{error.error.attempt} attempts"
    what = f"node {error.node!r} failed after {tries} with {error.error}\n\n{error.error.traceback}".rstrip()
    if _undoes(store, error.execution):
        return what
    return f"{what}\n\nRetry its dead letter, '{error.execution}:{error.node}', and this execution goes on as well."


def _undoes(store: Store, execution: str) -> bool:
    """Whether it or an execution above it has undone what it did, or is about to: the retry of a dead letter is refused then."""
    up: str | None = execution
    while up is not None:
        up, undoable, undone = store.fields(up.partition("|")[0], "@up", "@u", "@undone")
        if undoable or undone:
            return True
    return False


def _failed(
    message: str, child: str, workflow: str, status: str, *, node: str | None = None, error: Any = None
) -> SubWorkflowFailed:
    return SubWorkflowFailed(message, child=child, workflow=workflow, status=status, node=node, error=error)
