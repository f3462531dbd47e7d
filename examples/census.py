"""Census: what is in a source tree, counted from five sides at once.

Shows a fan-out into nodes that run side by side (lines, symbols, imports, sizes, duplicates), a join, dataclasses and
pydantic models that cross between nodes, progress, an error that is not worth a retry, and a node that is safe to run
twice. Only the standard library reads the files; unreadable ones are reported, never fatal.

Run it here, on the embedded store in `.spane/` (a run that was killed goes on at the next start):

    spane run examples/census.py:census path=.

Run it on Redis, with any number of workers on machines that see the same files:

    export SPANE_REDIS_URL=redis://localhost:6379/0
    dramatiq spane.worker examples.census
    spane run examples/census.py:census path=$PWD

The result is a table; a chart is written to `chart` (default: census.svg in the working folder).
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import threading
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from pydantic import BaseModel

from spane import Context, Engine, Unrecoverable, current, node, workflow

IGNORED = {"__pycache__", "node_modules", "vendor", "venv", "site-packages", "build", "dist", "target"}
PARSED_BYTES = 2_000_000  # a larger text is generated or data: it is weighed, not read
BLOCK_LINES = 8  # how many equal lines in a row make a duplicate


SUFFIXES = {
    "Python": ".py .pyi",
    "JavaScript": ".js .mjs .cjs .jsx",
    "TypeScript": ".ts .mts .cts .tsx",
    "C": ".c .h",
    "C++": ".cc .cpp .cxx .hpp .hh",
    "Go": ".go",
    "Rust": ".rs",
    "Java": ".java",
    "Ruby": ".rb",
    "Shell": ".sh .bash",
    "Lua": ".lua",
    "SQL": ".sql",
    "CSS": ".css .scss",
    "HTML": ".html .htm",
    "Markdown": ".md .rst",
}
LANGUAGE_OF = {suffix: language for language, suffixes in SUFFIXES.items() for suffix in suffixes.split()}
COMMENT = {
    "Python": "#",
    "Ruby": "#",
    "Shell": "#",
    "Lua": "--",
    "SQL": "--",
    "HTML": "<!--",
    "Markdown": "<!--",
}  # else //
BLOCK = {"Python": None, "Ruby": None, "Shell": None, "Lua": None, "HTML": ("<!--", "-->"), "Markdown": ("<!--", "-->")}

_JS = r"^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function\*?|class|interface|enum|type)\s+\w+"
_JS_FROM = r"""^\s*(?:import|export)\b[^'"\n]*['"]([^'"\n]+)['"]|\brequire\(\s*['"]([^'"\n]+)['"]"""
_C = r"^(?:[\w*&:<>,~]+[ \t]+)+\**[\w:~]+\([^;\n]*$|^\s*(?:class|struct|enum|union)\s+\w+[^;\n]*$"
_C_FROM = r'^\s*#\s*include\s*[<"]([^>"\n]+)'
SYMBOL = {
    "Python": r"^\s*(?:async\s+)?(?:def|class)\s+\w+",  # where the parser gives up
    "JavaScript": _JS,
    "TypeScript": _JS,
    "C": _C,
    "C++": _C,
    "Go": r"^(?:func|type)\b",
    "Rust": r"^\s*(?:pub\S*\s+)?(?:async\s+)?(?:fn|struct|enum|trait)\s+\w+",
    "Java": r"^\s*(?:\w+\s+)*(?:class|interface|enum|record)\s+\w+",
    "Ruby": r"^\s*(?:def|class|module)\s+[\w.?!]+",
    "Shell": r"^\s*(?:function\s+)?\w+\s*\(\)",
    "Lua": r"^\s*(?:local\s+)?function\s+[\w.:]+",
    "SQL": r"(?i)^\s*create\s+(?:or\s+replace\s+)?(?:table|view|function)\b",
}
IMPORT = {
    "Python": r"^\s*(?:from\s+([\w.]+)\s+import\b|import\s+(\w[\w.]*)(?:\s+as\s+\w+)?(?:\s*[,;#].*)?$)",
    "JavaScript": _JS_FROM,
    "TypeScript": _JS_FROM,
    "C": _C_FROM,
    "C++": _C_FROM,
    "Go": r'^\s*(?:import\s+)?(?:\w+\s+)?"([\w./-]+)"$',
    "Rust": r"^\s*(?:pub\s+)?use\s+(\w+)",
    "Java": r"^\s*import\s+(?:static\s+)?(\w+\.\w+)",
    "Ruby": r"^\s*require(?:_relative)?\s+['\"]([^'\"\n]+)",
    "Shell": r"^\s*(?:source|\.)\s+(\S+)",
    "Lua": r"\brequire\s*\(?\s*['\"]([^'\"\n]+)",
}
STEPS = {"to 1 KB": 1e3, "to 10 KB": 1e4, "to 100 KB": 1e5, "to 1 MB": 1e6, "larger": float("inf")}
PARSING = threading.Lock()  # warnings.catch_warnings is not thread-safe, and nodes share a process


class Tree(BaseModel):
    """What was found: paths under `root` by language, and what was left out and why."""

    root: str
    files: dict[str, list[str]] = {}
    others: list[str] = []
    left_out: dict[str, str] = {}


@dataclass
class Lines:
    code: int = 0
    comment: int = 0
    blank: int = 0


@dataclass
class Sizes:
    """Bytes by language, the number of files in each step of ten, and the largest files."""

    by_language: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    largest: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Duplicates:
    """Groups of equal files, and blocks of lines that stand in several places, most copied first."""

    files: list[list[str]] = field(default_factory=list)
    blocks: list[list[str]] = field(default_factory=list)


def text_of(root: str, path: str) -> str | None:
    """Return a file's text whatever its encoding; None if it is binary, too large, or has gone."""
    try:
        with Path(root, path).open("rb") as file:
            raw = file.read(PARSED_BYTES + 1)
    except OSError:
        return None
    if len(raw) > PARSED_BYTES:
        return None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw[:8192]:
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def texts(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Yield language, path and text of every readable source file."""
    for language, paths in tree.files.items():
        for path in paths:
            text = text_of(tree.root, path)
            if text is not None:
                yield language, path, text


@node
def walk(path: str) -> Tree:
    """List the files under a folder; links are not followed, so a cycle cannot catch it."""
    root = Path(path).expanduser().resolve()
    if not root.is_dir():
        raise Unrecoverable(f"{str(root)!r} is not a folder; pass path=<folder>.")
    tree = Tree(root=str(root))

    def refuse(error: OSError) -> None:
        tree.left_out[printable(os.path.relpath(error.filename, root))] = error.strerror or type(error).__name__

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if name not in IGNORED and not name.startswith("."))
        below = Path(folder).relative_to(root)
        for name in sorted(names):
            place(tree, below / name)
    return tree


def place(tree: Tree, relative: Path) -> None:
    """Put one file where it belongs; a pipe or a device would block its reader."""
    file, shown = tree.root / relative, printable(str(relative))
    if file.is_symlink():
        tree.left_out[shown] = "a link"
    elif not file.is_file():
        tree.left_out[shown] = "not a regular file"
    elif shown != str(relative):
        tree.left_out[shown] = "its name is not UTF-8"
    elif language := LANGUAGE_OF.get(relative.suffix.lower()):
        tree.files.setdefault(language, []).append(shown)
    else:
        tree.others.append(shown)


def printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


@node
def lines(tree: Tree) -> dict[str, Lines]:
    """Count lines of code, comment and nothing by language; a docstring is code."""
    found = {language: Lines() for language in tree.files}
    for language, _, text in texts(tree):
        count, inside = found[language], False
        opening, closing = BLOCK.get(language, ("/*", "*/")) or ("\0", "\0")
        for line in text.splitlines():
            bare = line.strip()
            if not bare:
                count.blank += 1
            elif inside or bare.startswith(opening):
                count.comment += 1
                inside = closing not in bare
            elif bare.startswith(COMMENT.get(language, "//")):
                count.comment += 1
            else:
                count.code += 1
    return found


@node
def symbols(tree: Tree, context: Context = current()) -> dict[str, int]:
    """Count functions and types by language: Python through its parser, the rest by how a line begins."""
    found = dict.fromkeys(tree.files, 0)
    total = sum(map(len, tree.files.values()))
    for done, (language, path, text) in enumerate(texts(tree), 1):
        found[language] += (
            python_symbols(path, text) if language == "Python" else len(matches(SYMBOL.get(language), text))
        )
        if done % 500 == 0:
            context.progress(done, total)
    return found


def python_symbols(path: str, text: str) -> int:
    try:
        with PARSING, warnings.catch_warnings(action="ignore"):
            module = ast.parse(text, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return len(matches(SYMBOL["Python"], text))
    found, waiting = 0, [module.body]
    while waiting:  # statements only: definitions do not stand inside expressions
        for statement in waiting.pop():
            found += isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            inner = (getattr(statement, name, None) for name in ("body", "orelse", "finalbody", "handlers", "cases"))
            waiting.extend(filter(None, inner))
    return found


def matches(pattern: str | None, text: str) -> list[re.Match[str]]:
    """Return the lines that fit; a line of more than 500 characters was written by a program and is passed over."""
    search = re.compile(pattern or r"(?!)").search
    return [match for line in text.splitlines() if len(line) <= 500 and (match := search(line))]


@node
def imports(tree: Tree) -> dict[str, int]:
    """Count in how many files each module is imported, the most used first."""
    found: Counter[str] = Counter()
    for language, _, text in texts(tree):
        names = {next(filter(None, match.groups())) for match in matches(IMPORT.get(language), text)}
        found.update(f"{name} ({language})" for name in names)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:50])


@node
def sizes(tree: Tree) -> Sizes:
    """Weigh the files, source or not."""
    found = Sizes(by_language=dict.fromkeys(tree.files, 0), steps=dict.fromkeys(STEPS, 0))
    weighed: list[tuple[str, int]] = []
    for language, paths in {**tree.files, "other": tree.others}.items():
        for path in paths:
            try:
                weight = Path(tree.root, path).stat().st_size
            except OSError:
                continue
            weighed.append((path, weight))
            found.by_language[language] = found.by_language.get(language, 0) + weight
            found.steps[next(step for step, bound in STEPS.items() if weight <= bound)] += 1
    found.largest = sorted(weighed, key=lambda item: (-item[1], item[0]))[:20]
    return found


@node
def duplicates(tree: Tree) -> Duplicates:
    """Find equal files and copied blocks, indentation and empty lines aside.

    A block may begin where the checksum of a line ends in three zero bits: the same places in every copy, at an
    eighth of the cost of looking everywhere.
    """
    whole: dict[bytes, list[str]] = defaultdict(list)
    blocks: dict[bytes, list[str]] = defaultdict(list)
    for _, path, text in texts(tree):
        numbered = [(number, line.strip().encode()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        bare = [line for _, line in numbered]
        copies = whole[digest(bare)]
        copies.append(path)
        if len(copies) > 1:
            continue  # the copy of a file is one finding, not one for every block in it
        for start in range(len(bare) - BLOCK_LINES + 1):
            if zlib.crc32(bare[start]) & 7 == 0:
                blocks[digest(bare[start : start + BLOCK_LINES])].append(f"{path}:{numbered[start][0]}")
    whole.pop(digest([]), None)
    return Duplicates(files=most_copied(whole), blocks=most_copied(blocks))


def digest(block: list[bytes]) -> bytes:
    return hashlib.blake2b(b"\n".join(block), digest_size=16).digest()


def most_copied(places: dict[bytes, list[str]]) -> list[list[str]]:
    """Return the groups of two and more, largest first, one for each set of files."""
    groups = {tuple(place.partition(":")[0] for place in found): found for found in places.values() if len(found) > 1}
    return sorted(groups.values(), key=lambda found: (-len(found), found))[:50]


@node
def report(
    tree: Tree,
    lines: dict[str, Lines],
    symbols: dict[str, int],
    imports: dict[str, int],
    sizes: Sizes,
    duplicates: Duplicates,
    chart: str,
) -> str:
    """Join the five counts into a table, and draw the chart."""
    rows: list[tuple[str | int, ...]] = []
    for name, count in sorted(lines.items(), key=lambda item: (-item[1].code, item[0])):
        rows.append(
            (
                name,
                len(tree.files[name]),
                count.code,
                count.comment,
                count.blank,
                symbols[name],
                sizes.by_language[name],
            )
        )
    bars = [(str(row[0]), int(row[2])) for row in rows if row[2]]
    rows.append(("all", *(sum(map(int, column)) for column in list(zip(*rows, strict=True))[1:] or [()] * 6)))
    draw(Path(chart), f"Lines of code in {tree.root}", bars)
    parts = [
        f"# Census of {tree.root}",
        table(("language", "files", "code", "comment", "blank", "symbols", "bytes"), rows),
        f"Beside these: {len(tree.others)} other files, {len(tree.left_out)} left out{reasons(tree)}.",
        "Imported most:" + listed(f"{name} in {count}" for name, count in imports.items()),
        "Files by size:" + listed(f"{step}: {count}" for step, count in sizes.steps.items()),
        "Largest:" + listed(f"{name} ({weight:,} bytes)" for name, weight in sizes.largest),
        "Equal files:" + listed(map(equal, duplicates.files)),
        f"Copied blocks of {BLOCK_LINES} lines:" + listed(map(equal, duplicates.blocks)),
        f"Chart: {Path(chart).resolve()}",
    ]
    return "\n\n".join(parts)


def table(head: tuple[str, ...], rows: list[tuple[str | int, ...]]) -> str:
    """Return a Markdown table that is aligned for a terminal as well."""
    cells = [head, *[tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    shown = ["| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in cells]
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])


def listed(items: Iterable[str], most: int = 5) -> str:
    found = list(items)
    more = [f"- and {len(found) - most} more"] if len(found) > most else []
    return "\n\n" + "\n".join([*(f"- {item}" for item in found[:most]), *more]) if found else " none"


def equal(places: list[str]) -> str:
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return " = ".join(places[:3]) + more


def reasons(tree: Tree) -> str:
    found = Counter(tree.left_out.values())
    return f" ({', '.join(f'{count} {why}' for why, count in sorted(found.items()))})" if found else ""


def draw(target: Path, title: str, bars: list[tuple[str, int]]) -> None:
    """Write a bar chart as SVG, whole or not at all: a node may run twice, and somebody may be looking."""
    longest = max((count for _, count in bars), default=1)
    parts = [f'<text x="10" y="24" font-size="16">{escape(title)}</text>']
    for row, (name, count) in enumerate(bars):
        y, width = 40 + 26 * row, max(1, 480 * count // longest)
        parts.append(
            f'<text x="120" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="130" y="{y}" width="{width}" height="20" fill="#4477aa"/>'
            f'<text x="{width + 136}" y="{y + 15}">{count:,}</text>'
        )
    size = f'width="720" height="{60 + 26 * len(bars)}"'
    body = "\n".join(parts)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">\n{body}\n</svg>\n'
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}")
    unfinished.write_text(svg, encoding="utf-8")
    unfinished.replace(target)


@workflow
def census(path: str, chart: str = "census.svg") -> str:
    """Walk once, count five times side by side, join."""
    tree = walk(path)
    return report(tree, lines(tree), symbols(tree), imports(tree), sizes(tree), duplicates(tree), chart)


if __name__ == "__main__":
    with Engine.embedded() as engine, engine.work():
        print(engine.start(census, {"path": str(Path(__file__).parents[1])}).result(timeout_s=300))
