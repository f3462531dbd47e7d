"""What an execution has come to: its result, or the error that says how else it ended."""

from __future__ import annotations

import msgspec

from spane.errors import DeadlineExceeded, ExecutionCancelled, ExecutionFailed, UnknownExecution
from spane.model.codec import evaluate
from spane.model.expressions import Fields, Input, Output, Source, leaves
from spane.model.outcome import NodeError, decode_error
from spane.model.state import ExecutionState, NodeState
from spane.runtime import aftermath
from spane.runtime.layout import PlanHead
from spane.runtime.store import ERROR_MARK, Store

#: An error names so many steps that failed; the items of a map may have many more.
_TOLD = 10


def result(store: Store, execution: str) -> bytes | None:
    """Return the result of a completed execution as JSON.

    Raises:
        ExecutionFailed, ExecutionCancelled: it ended otherwise.
    """
    status, plan, bad, why = store.fields(execution, "@st", "@pl", "@bad", "@why")
    if status is None or plan is None:
        raise UnknownExecution(execution)
    if status == ExecutionState.FAILED:
        raise failure(store, execution, bad)
    if status == ExecutionState.CANCELLED:
        raise ExecutionCancelled(execution, why or "")
    head = store.plan_head(plan)
    source = _result_source(head)
    tips = list(leaves(source))
    wanted = [leaf for leaf in tips if isinstance(leaf, Output)]
    names = list(dict.fromkeys(leaf.node for leaf in wanted))
    takes_inputs = any(isinstance(leaf, Input) for leaf in tips)
    found = store.outputs(execution, [*names, "@in"] if takes_inputs else names)
    inputs = found.pop("@in", None)
    outputs = {name: raw for name, raw in found.items() if not raw.startswith(ERROR_MARK)}
    if head.returns is None and len(head.terminals) > 1:
        return b"{" + b",".join(msgspec.json.encode(name) + b":" + raw for name, raw in outputs.items()) + b"}"
    return evaluate(source, outputs, inputs)


def _result_source(head: PlanHead) -> Source:
    if head.returns is not None:
        return head.returns
    if len(head.terminals) == 1:
        return Output(head.terminals[0])
    return Fields(tuple((name, Output(name)) for name in head.terminals))


def failure(store: Store, execution: str, node: str | None) -> ExecutionFailed:
    """Return the error of a failed execution: which node ('' for its deadline), and the user's own traceback."""
    if node == "":
        return DeadlineExceeded(execution, store.fields(execution, "@wf")[0] or "")
    error = None
    if node:
        raw = store.outputs(execution, [node]).get(node)
        error = decode_error(raw[1:]) if raw and raw.startswith(ERROR_MARK) else None
    if error is None:
        message = f"Execution {execution!r} failed."
    else:
        message = (
            f"Execution {execution!r} failed: node {node!r} failed after {error.attempt} "
            f"{'attempt' if error.attempt == 1 else 'attempts'} with {error}\n\n{error.traceback}"
        ).rstrip()
    failed = _failed_steps(store, execution)
    for step, reason in list(failed.items())[:_TOLD]:
        message += f"\n\nAfter that {step!r} failed as well, with {reason}: dead letter '{execution}:{step}'."
    if len(failed) > _TOLD:
        message += f"\n\n{len(failed) - _TOLD} other steps failed as well; their dead letters say why."
    return ExecutionFailed(message, execution=execution, node=node, error=error)


def _failed_steps(store: Store, execution: str) -> dict[str, NodeError]:
    """Return which undos, or the handler, failed of an execution that has any, and why."""
    plan, fate = store.fields(execution, "@pl", "@fate")
    if plan is None or fate is None:
        return {}
    steps = aftermath.steps(store, execution, plan)
    failed = [name for name, text in steps.items() if text[0] == NodeState.FAILED.letter]
    return {name: decode_error(raw[1:]) for name, raw in store.outputs(execution, failed).items()}
