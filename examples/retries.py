"""Retries: what happens when a node does not succeed.

Shows a retry policy, `RetryLater` (come back later, no attempt spent), `Unrecoverable` (no retry at all), a node whose
failure does not stop the workflow (`on_failure="continue"`, with the error in `Context.errors`), a resource that is made
once per worker (`use`), and a node that ends as a dead letter.

Run it here, on the embedded store:

    spane run examples/retries.py:shipment parcel=A-17
    spane run examples/retries.py:hopeless parcel=A-17      # fails, and leaves a dead letter

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.retries
    spane run examples/retries.py:shipment parcel=A-17
"""

from __future__ import annotations

from collections.abc import Iterator

from spane import Context, Engine, ExecutionFailed, Retry, RetryLater, Unrecoverable, current, node, use, workflow


class Courier:
    """Stands for a service that is busy when it is asked for the first time about a parcel."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def busy_for_s(self, parcel: str) -> float:
        known = parcel in self.asked
        self.asked.add(parcel)
        return 0.0 if known else 2.0


def courier() -> Iterator[Courier]:
    """Open the resource before the yield; what follows it would close it when the worker ends."""
    yield Courier()


@node(retry=Retry(attempts=4, base_s=0.2, jitter=0.2, retry_on=ConnectionError))
def weigh(parcel: str, context: Context = current()) -> float:
    """Two lost connections, then a weight: tried again after about 0.2 s and 0.4 s. Another error would end it."""
    if context.attempt < 3:
        raise ConnectionError(f"no answer while weighing {parcel} (attempt {context.attempt})")
    return 1.25


@node
def price(parcel: str, weight: float, courier: Courier = use(courier)) -> float:
    """Asked to come back later, it does, and has still all of its attempts."""
    wait_s = courier.busy_for_s(parcel)
    if wait_s:
        raise RetryLater(wait_s, "the courier is busy")
    return 4.0 + weight


@node(on_failure="continue")
def insure(parcel: str) -> float:
    """Trying again would not help, and the shipment goes without: its child runs, and sees why this one failed."""
    raise Unrecoverable(f"no insurance for {parcel}")


@node
def label(parcel: str, price: float, insurance: float = 0.0, context: Context = current()) -> str:
    why = "".join(f"; {node_id}: {error.message}" for node_id, error in context.errors.items())
    return f"{parcel}: {price + insurance:.2f}{why}"


@workflow
def shipment(parcel: str) -> str:
    weight = weigh(parcel)
    return label(parcel, price(parcel, weight), insure(parcel))


@node(retry=Retry(attempts=2, backoff="fixed", base_s=0.1))
def lose(parcel: str) -> str:
    """Both attempts fail: the execution fails, and the node is kept as a dead letter with all it needs to run again."""
    raise LookupError(f"{parcel} is nowhere to be found")


@workflow
def hopeless(parcel: str) -> str:
    return lose(parcel)


if __name__ == "__main__":
    with Engine.embedded() as engine, engine.work():
        print(engine.start(shipment, {"parcel": "A-17"}).result(timeout_s=30))
        try:
            engine.start(hopeless, {"parcel": "A-17"}).result(timeout_s=30)
        except ExecutionFailed as error:
            print(error)
