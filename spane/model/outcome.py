"""What an attempt came to."""

from __future__ import annotations

import traceback as _traceback
from dataclasses import dataclass, field

import msgspec

from spane.model import frames


@dataclass(frozen=True, slots=True)
class NodeError:
    """Why an attempt failed, as data that outlives the process it happened in.

    `type` is `module:qualname` of the exception, `traceback` its text with the user's own frames only, `""` where there are
    none.
    """

    type: str
    message: str
    node: str = ""
    attempt: int = 1
    traceback: str = ""
    retryable: bool = True

    def __str__(self) -> str:
        return f"{self.type.rpartition(':')[2]}: {self.message}" if self.message else self.type.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Failure:
    """What made an execution fail, as the handler of its workflow is given it.

    `node` is the one that used up its attempts, `""` where it was none, and `error` is why.

    >>> @node
    ... def notify_failure(failure: Failure, order_id: int) -> None:
    ...     print(f"Order {order_id}: {failure.node} failed with {failure.error}")
    """

    execution: str
    workflow: str
    node: str
    error: NodeError


def class_name(cls: type[BaseException]) -> str:
    """Return `module:qualname`, by which plans and errors name an exception class."""
    return f"{cls.__module__}:{cls.__qualname__}"


def error_type(error: BaseException) -> str:
    """Return `module:qualname` of an exception's class."""
    return class_name(type(error))


def describe(error: BaseException, *, node: str, attempt: int, retryable: bool) -> NodeError:
    """Turn an exception into a `NodeError`."""
    text = _formatted(error)
    return NodeError(
        type=error_type(error),
        message=_printable(error)[:10_000],
        node=node,
        attempt=attempt,
        traceback=_encodable(text[-20_000:]),
        retryable=retryable,
    )


def _formatted(error: BaseException) -> str:
    try:
        return frames.told(error)
    except Exception:  # noqa: BLE001 - it looks at the exception, whose attributes may be the user's own
        own = "".join(_traceback.format_tb(frames.own_frames(error.__traceback__)))
        return f"Traceback (most recent call last):\n{own}{type(error).__qualname__}: {_printable(error)}\n"


def _printable(error: BaseException) -> str:
    try:
        return _encodable(str(error))
    except Exception:  # noqa: BLE001 - a user's own __str__
        return "<its str() raised>"


def _encodable(text: str) -> str:
    # Names of files may hold lone surrogates (surrogateescape), which are no UTF-8.
    return text.encode("utf-8", "backslashreplace").decode()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(NodeError).decode


def encode_error(error: NodeError) -> bytes:
    """Return the error as JSON."""
    return _encode(error)


def decode_error(raw: bytes | str) -> NodeError:
    """Read an error back from JSON."""
    return _decode(raw)


@dataclass(slots=True)
class Succeeded:
    """The node returned; `raw` is its output as JSON.

    `open` are the names of the branches that its output opens, `route` the children that it chose, None for all.
    """

    raw: bytes
    open: tuple[str, ...] = ()
    route: tuple[str, ...] | None = None


@dataclass(slots=True)
class Skipped:
    """The node had nothing to do; whoever is fed by nobody else is skipped as well."""

    reason: str


@dataclass(slots=True)
class Failed:
    """The node used up its attempts, or must not be tried again."""

    error: NodeError
    exception: BaseException | None = field(default=None, repr=False)


@dataclass(slots=True)
class RetryAt:
    """The node is to be tried again `delay_ms` from now. `spends` tells whether it cost an attempt.

    With `rests`, no node of its type starts until then.
    """

    delay_ms: int
    error: NodeError
    spends: bool = True
    rests: bool = False
    exception: BaseException | None = field(default=None, repr=False)


@dataclass(slots=True)
class Unfit:
    """This worker's code cannot run the node; it waits for one that can. `fingerprint` names what is needed."""

    fingerprint: str
    reason: str


@dataclass(slots=True)
class Awaits:
    """The node waits for something outside of it, holds no worker meanwhile, and then runs again with what came.

    `what` says in words what that is. It is roused after `delay_ms` in any case, None for never, and by a signal of
    `event`. Only node types that are registered to wait (`NodeType.waits`) may return it; `breaker` names the one that an
    attempt was refused by.
    """

    what: str
    delay_ms: int | None = None
    event: str = ""
    breaker: str = ""


@dataclass(slots=True)
class Descends:
    """The node goes on in a child execution and holds no worker meanwhile; it runs again when that has ended.

    What came is `c<status>|<execution>|<round>` then. `pool` is whose slots the child waits for, '' where its workflow has
    no limit; `round` counts the children that a node has one after the other.
    """

    execution: str
    plan: str
    workflow: str
    inputs: bytes
    pool: str = ""
    round: int = 1


@dataclass(slots=True)
class Undoes:
    """The step has a child of its node undo what it did, and holds no worker meanwhile; it runs again when that is done.

    What came is `c<status>|<execution>|<number>` then: number 1 is the first child that the node had, and the last to be
    undone.
    """


@dataclass(slots=True)
class Sorts:
    """The node did not start: it was held to find out under which `key` its limit counts it, and is queued or parked there."""

    key: str


@dataclass(slots=True)
class Expanded:
    """The map has put its items, `items` of them; it runs again when all have ended. At most `most` are in flight."""

    items: int
    most: int


@dataclass(slots=True)
class Cancelled:
    """The node was stopped because its execution is cancelled; `error` holds the reason."""

    error: NodeError


Outcome = Succeeded | Skipped | Failed | RetryAt | Unfit | Awaits | Descends | Undoes | Expanded | Cancelled | Sorts

__all__ = [
    "Awaits",
    "Cancelled",
    "Descends",
    "Expanded",
    "Failed",
    "NodeError",
    "Outcome",
    "RetryAt",
    "Skipped",
    "Sorts",
    "Succeeded",
    "Undoes",
    "Unfit",
    "class_name",
    "decode_error",
    "describe",
    "encode_error",
    "error_type",
]
