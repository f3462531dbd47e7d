"""Dead letters: nodes that used up their attempts, kept with all that is needed to run them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from spane.control.options import is_storable
from spane.control.verbs import only
from spane.errors import DeadLetterPassed, DeadLetterUndone, IllegalTransition, StoreError, UnknownDeadLetter
from spane.model.outcome import NodeError, decode_error
from spane.model.state import ExecutionState
from spane.runtime import letters
from spane.runtime.layout import parts
from spane.runtime.steering import Reply, Steering
from spane.runtime.store import ERROR_MARK, Store

_PAGE = 500

#: One answer for each id: None where it was done, else why it was not.
Answers = list[Exception | None]
Replies = list[Reply | StoreError]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A node that used up its attempts. `retry` and `discard` take it, or its `id`; `status` is its execution's."""

    id: str
    execution: str
    node: str
    workflow: str
    status: ExecutionState
    failed_at_ms: int
    attempts: int
    crashes: int
    error: NodeError | None
    tenant: str | None = None


Letters = list[DeadLetter]


class DeadLetters:
    """The dead letters of an engine's store.

    >>> for letter in engine.dead_letters.list():
    ...     engine.dead_letters.retry(letter.id)
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def __len__(self) -> int:
        """How many there are."""
        return letters.count(self._store)

    def __iter__(self) -> Iterator[DeadLetter]:
        """Yield all of them, oldest first; those that are retried or discarded meanwhile do no harm."""
        last: DeadLetter | None = None
        while page := self.list(_PAGE, last):
            yield from page
            last = page[-1]

    def list(self, limit: int = 100, after: DeadLetter | None = None) -> Letters:
        """Return up to `limit` dead letters, oldest first; `after` is the last one of the page before."""
        mark = (after.failed_at_ms, _member(after.id)) if after is not None else None
        found: Letters = []
        # One whose execution is gone is left out, so that a page may need another look.
        while len(found) < limit:
            entries = letters.page(self._store, limit - len(found), mark)
            if not entries:
                break
            found += self._read(entries)
            mark = (entries[-1][1], entries[-1][0])
        return found

    def get(self, letter_id: str) -> DeadLetter:
        """Return one dead letter; `UnknownDeadLetter` if there is none of that id."""
        failed_at_ms = letters.died_at_ms(self._store, _member(letter_id)) if _split(letter_id) else None
        found = self._read([(_member(letter_id), failed_at_ms)]) if failed_at_ms is not None else []
        if not found:
            raise UnknownDeadLetter(letter_id)
        return found[0]

    def retry(self, letter_id: str | DeadLetter) -> None:
        """Run the node again, with all its attempts; its execution goes on, and may complete.

        Raises:
            UnknownDeadLetter: there is none of that id, or no longer.
            DeadLetterPassed: the execution went on without the node, as its `on_failure` says; discard it, or replay.
            DeadLetterUndone: the execution has compensated; replay it. The dead letter of an undo itself can be retried.
            IllegalTransition: the execution, or one that runs it, was cancelled, or has to stop at its deadline.
        """
        only(self.retry_many([letter_id]))

    def retry_many(self, letter_ids: Iterable[str | DeadLetter]) -> Answers:
        """Retry many; index-aligned, None for one that runs again, an error for one that does not."""
        return self._each(letter_ids, Steering(self._store).heal)

    def discard(self, letter_id: str | DeadLetter) -> None:
        """Forget a dead letter: its execution stays as it is, and can no longer be healed by it."""
        only(self.discard_many([letter_id]))

    def discard_many(self, letter_ids: Iterable[str | DeadLetter]) -> Answers:
        """Discard many; index-aligned, None for one that is gone now, an error for one that is not."""
        return self._each(letter_ids, Steering(self._store).discard)

    def _each(
        self, letter_ids: Iterable[str | DeadLetter], ask: Callable[[Sequence[tuple[str, str]]], Replies]
    ) -> Answers:
        if isinstance(letter_ids, str):
            raise TypeError(f"Many dead letters are a list of ids; for one of them write [{letter_ids!r}].")
        ids = [one.id if isinstance(one, DeadLetter) else one for one in letter_ids]
        pairs = [_split(letter_id) for letter_id in ids]
        replies = iter(ask([pair for pair in pairs if pair is not None]))
        return [
            UnknownDeadLetter(letter_id) if pair is None else _outcome(letter_id, pair[0], next(replies))
            for letter_id, pair in zip(ids, pairs, strict=True)
        ]

    def _read(self, entries: Sequence[tuple[str, int]]) -> Letters:
        found = []
        for part in parts(entries, _PAGE):
            pairs = [tuple(member.split("|", 1)) for member, _ in part]
            rows = letters.failures(self._store, pairs)
            for (execution, node), (_, at_ms), row in zip(pairs, part, rows, strict=True):
                if row is None:
                    continue
                status, workflow, tenant, state, raw = row
                _, _, failures, crashes, *_ = state.split("|")
                found.append(
                    DeadLetter(
                        f"{execution}:{node}",
                        execution,
                        node,
                        workflow,
                        ExecutionState(status),
                        at_ms,
                        int(failures),
                        int(crashes),
                        decode_error(raw[1:]) if raw and raw.startswith(ERROR_MARK) else None,
                        tenant or None,
                    )
                )
        return found


def _split(letter_id: str) -> tuple[str, str] | None:
    """Return execution and node of an id; None for what is none."""
    if not is_storable(letter_id) or "|" in letter_id:
        return None
    execution, _, node = letter_id.partition(":")
    return (execution, node) if execution and node else None


def _member(letter_id: str) -> str:
    return letter_id.replace(":", "|", 1)


def _outcome(letter_id: str, execution: str, reply: Reply | StoreError) -> Exception | None:
    if isinstance(reply, StoreError):
        return reply
    if reply.code == "unknown":
        return UnknownDeadLetter(letter_id)
    if reply.code == "passed":
        return DeadLetterPassed(letter_id, execution, reply.detail)
    if reply.code == "undone":
        return DeadLetterUndone(letter_id, reply.execution or execution)
    if reply.code == "illegal" and reply.execution:
        return IllegalTransition(reply.execution, f"retry dead letter {letter_id!r} below", reply.detail)
    if reply.code == "illegal":
        return IllegalTransition(execution, f"retry dead letter {letter_id!r} of", reply.detail)
    if reply.code == "noplan":
        return StoreError(
            f"Dead letter {letter_id!r} cannot be retried: plan {reply.detail} of its execution is not in the store. "
            "Start its workflow again to put it there."
        )
    return None
