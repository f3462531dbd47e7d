"""Maps: the same node for each item of a list that is known only at run time.

Shows a map over what a node returns, an argument that is the same for all items, items that are tried again by themselves,
errors that are collected beside results, items that leave themselves out (`Skip`), a limit on how many run at a time, and a
map over the result of another map.

Run it here, on the embedded store:

    spane run examples/maps.py:appraise shelf=A
    spane run examples/maps.py:thumbnails count=1000

Run it on Redis, with a worker in a second terminal:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.maps
    spane run examples/maps.py:thumbnails count=10000
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel

from spane import Context, Engine, NodeError, Retry, Skip, current, node, workflow


class Book(BaseModel):
    title: str
    year: int | None = None
    lent: bool = False


@node
def books_on(shelf: str) -> list[Book]:
    """Only a run knows how many there are."""
    return [
        Book(title=f"{shelf}1", year=1913),
        Book(title=f"{shelf}2", lent=True),
        Book(title=f"{shelf}3"),
        Book(title=f"{shelf}4", year=1925),
    ]


@node
def rate_of(currency: str) -> float:
    return {"EUR": 1.0, "USD": 1.1}[currency]


@node(retry=Retry(attempts=3, base_s=0.1))
def value(book: Book, rate: float, context: Context = current()) -> float:
    """Each item has attempts of its own; one without a year never gets a value."""
    if book.lent:
        raise Skip(f"{book.title} is not on its shelf")
    if book.year is None:
        raise LookupError(f"nobody knows when {book.title} was printed")
    if context.attempt == 1:
        raise ConnectionError("the catalogue does not answer")
    return (2025 - book.year) * rate


@node
def report(values: list[float | NodeError]) -> str:
    known = [one for one in values if not isinstance(one, NodeError)]
    missing = [one.message for one in values if isinstance(one, NodeError)]
    return f"{sum(known):.0f} for {len(known)} books; {'; '.join(missing)}"


@workflow
def appraise(shelf: str, currency: str = "EUR") -> str:
    return report(value.map(books_on(shelf), rate_of(currency), on_item_failure="collect"))


@node
def pictures(count: int) -> list[str]:
    return [f"picture {number}" for number in range(count)]


@node
def shrink(picture: str) -> str:
    return hashlib.sha256(picture.encode()).hexdigest()[:8]


@node
def upload(thumbnail: str) -> int:
    return len(thumbnail)


@node
def total(sizes: list[int]) -> int:
    return sum(sizes)


@workflow
def thumbnails(count: int = 100) -> int:
    """The second map takes the list that the first one gives; no more than eight uploads stand open at a time."""
    return total(upload.map(shrink.map(pictures(count)), max_in_flight=8))


if __name__ == "__main__":
    with Engine.embedded() as engine, engine.work():
        print(engine.start(appraise, {"shelf": "A"}).result(timeout_s=30))
        print(engine.start(thumbnails).result(timeout_s=30))
