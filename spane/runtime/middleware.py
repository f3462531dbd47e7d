"""Our Dramatiq middleware: worker life cycle, and attempts with retry and backoff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dramatiq import MessageProxy, Worker
from dramatiq.middleware import Middleware

from spane.errors import StoreError
from spane.model.rules import RetryPolicy
from spane.runtime.claim import Claim
from spane.runtime.programs import DoesNotFit
from spane.runtime.retry import AttemptRetried, classify

if TYPE_CHECKING:
    from spane.runtime.node_broker import NodeBroker


class Attempts(Middleware):
    """Turns what became of a node's message into the outcome that its acknowledgement commits.

    The executor has classified its own failures already. What is left is an exception that came from elsewhere:
    another middleware's `before_process_message`, or an interrupt that a thread was hit by.
    """

    def after_process_message(  # type: ignore[override]
        self, broker: NodeBroker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if exception is None or not message.options.get("spane"):
            return
        claim = message.args[0]
        if isinstance(exception, AttemptRetried):
            claim.outcome = exception.outcome
        elif claim.outcome is None:
            claim.outcome = classify(_policy(broker, claim), exception, node=claim.node, attempt=claim.attempt)


def _policy(broker: NodeBroker, claim: Claim) -> RetryPolicy:
    """Return the node's own policy; the default one where its program would have to be read from Redis first and cannot."""
    process = broker.process
    if claim.program is None and process is not None:
        try:
            known = process.programs.known(claim.plan, claim.node)
            # The event loop must not wait for Redis.
            claim.program = known if claim.on_loop else process.programs.of(claim.plan, claim.node, claim.page)
        except (StoreError, DoesNotFit, LookupError):
            return RetryPolicy()
    policy: RetryPolicy = claim.program.node.retry if claim.program is not None else RetryPolicy()
    return policy


class NodeLifecycle(Middleware):
    """Stops a process's node-running half with Dramatiq's worker; the broker starts it, see its `emit_before`."""

    def before_worker_shutdown(self, broker: NodeBroker, worker: Worker) -> None:  # type: ignore[override]
        broker.drain_process()

    def after_worker_shutdown(self, broker: NodeBroker, worker: Worker) -> None:  # type: ignore[override]
        broker.close_process(worker)
