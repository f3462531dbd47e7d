"""Where a body returns from inside a branch, as its source says."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterator
from typing import Any

from spane.errors import Fault
from spane.model.node_type import Location


def inside_branches(body: Callable[..., Any], entered: Collection[Location]) -> Iterator[Fault]:
    """Find each `return` of a body in one of the blocks that were entered; nothing where there is no source."""
    code = inspect.unwrap(body).__code__
    lines = {place.line for place in entered if place.file == code.co_filename}
    if not lines:
        return
    try:
        source, first = inspect.getsourcelines(body)
        tree = ast.parse(textwrap.dedent("".join(source)))
    except (OSError, SyntaxError):
        return
    blocks = [one for one in _own(tree.body[0]) if isinstance(one, ast.With) and _is_entered(one, lines, first - 1)]
    for line in sorted({inner.lineno for block in blocks for inner in _own(block) if isinstance(inner, ast.Return)}):
        yield Fault(
            "return-in-branch",
            "the body returns inside a branch, but it is traced once, so it returns there always. Return behind the "
            "block: coalesce(...) of what its branches give, or one of them where the workflow returns `... | None`.",
            str(Location(code.co_filename, line + first - 1)),
        )


def _is_entered(block: ast.With, lines: set[int], before: int) -> bool:
    last = block.items[-1].context_expr.end_lineno or block.lineno
    return not lines.isdisjoint(range(block.lineno + before, last + before + 1))


def _own(parent: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands inside a statement, without what functions and classes hold for themselves."""
    pending = list(ast.iter_child_nodes(parent))
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        yield node
        pending.extend(ast.iter_child_nodes(node))
