"""Whether a definition is sound JSON of the right shape; everything wrong with it at once.

What is not sound is taken out and the rest is used, so that the faults of the graph are found as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from spane.errors import Fault
from spane.graph.definition.shape import Definition
from spane.graph.definition.terms import TAGGED
from spane.graph.spelling import hint
from spane.model.articles import with_article

#: How deep the JSON of a definition may nest.
_DEEPEST = 300
_MOST_FAULTS = 1_000

#: Stands for an id that is missing or no text; the fault about that is enough.
UNNAMED = "unnamed"

_Loc = tuple[str | int, ...]


def load(definition: str | bytes | bytearray | Mapping[str, Any], faults: list[Fault]) -> Any:
    """Return a definition as plain JSON values; what is no JSON is left out (None: all) and becomes a fault."""
    if isinstance(definition, (str, bytes, bytearray)):
        try:
            definition = json.loads(definition, object_pairs_hook=lambda pairs: _once(pairs, faults))
        except (ValueError, RecursionError) as error:
            reason = "it nests too deep" if isinstance(error, RecursionError) else error
            faults.append(Fault("bad-json", f"The definition is no JSON: {reason}. Mend the text.", "definition"))
            return None
    if not isinstance(definition, Mapping):
        return definition
    root = [dict(definition)]
    if _circular(root):
        faults.append(
            Fault("bad-json", "The definition contains itself, which JSON cannot. Take that part out.", "definition")
        )
        return None
    return _plain(root, faults)[0]


def _circular(value: Any) -> bool:
    try:
        json.dumps(value, skipkeys=True, default=lambda _: None)
    except ValueError as error:
        return "Circular" in str(error)
    except RecursionError:
        return False
    return False


def shaped(loaded: Any, faults: list[Fault]) -> tuple[Definition, dict[str, Any]]:
    """Return a definition in its shape, and as JSON; what does not fit is left out and becomes a fault."""
    if not isinstance(loaded, dict):
        if not faults:
            faults.append(Fault("bad-shape", f"A definition is a JSON object, not {_short(loaded)}.", "definition"))
        return Definition.model_construct(id=UNNAMED, nodes=[]), {}
    for _ in range(20):
        try:
            return Definition.model_validate(loaded), loaded
        except ValidationError as error:
            found: dict[_Loc, list[ErrorDetails]] = {}
            for detail in error.errors(include_url=False, include_context=False):
                found.setdefault(_real(detail, loaded), []).append(detail)
            faults.extend(_fault(loc, details, loaded) for loc, details in islice(found.items(), _MOST_FAULTS))
            loaded = _without(loaded, found)
    return Definition.model_construct(id=UNNAMED, nodes=[]), {}


def _once(pairs: list[tuple[str, Any]], faults: list[Fault]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                faults.append(
                    Fault("bad-json", f"The key {_short(key)} stands twice in one object. Take one out.", "definition")
                )
            seen.add(key)
    return found


def _plain(root: list[Any], faults: list[Fault]) -> list[Any]:
    """Copy JSON values without recursion; what is none is left out."""
    copied: list[Any] = []
    pending: list[tuple[Any, Any, _Loc]] = [(root, copied, ())]
    while pending:
        value, copy, loc = pending.pop()
        parts: Iterator[tuple[Any, Any]] = iter(value.items()) if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            problem = _key_problem(key) if isinstance(value, dict) else ""
            problem = problem or _problem(part, len(loc))
            if problem:
                faults.append(Fault("bad-json", f"`{_spelled((*loc, key)[1:])}` {problem}.", "definition"))
                fill: Any = None if isinstance(value, list) else ...
            elif isinstance(part, (dict, list)):
                fill = type(part)() if type(part) in (dict, list) else ({} if isinstance(part, dict) else [])
                pending.append((part, fill, (*loc, key)))
            else:
                fill = part
            if isinstance(copy, list):
                copy.append(fill)
            elif fill is not ...:
                copy[key] = fill
    return copied


def _key_problem(key: Any) -> str:
    if not isinstance(key, str):
        return f"has the key {_short(key)}; keys in JSON are text"
    return _problem(key, 0)


def _problem(value: Any, depth: int) -> str:
    match value:
        case bool() | int() | None:
            return ""
        case float():
            return "" if math.isfinite(value) else f"is {value}, which is no JSON value"
        case str():
            return "" if _encodes(value) else "holds half a surrogate pair, which is no Unicode text"
        case dict() | list():
            return "" if depth <= _DEEPEST else f"nests more than {_DEEPEST} deep. Flatten it"
        case _:
            return f"is {with_article(type(value).__name__)}, which is no JSON value"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault(loc: _Loc, details: list[ErrorDetails], loaded: Any) -> Fault:
    place, detail = f"`{_spelled(loc)}`", details[0]
    match detail["type"]:
        case "missing":
            message = f"{place} is missing. Add it."
        case "extra_forbidden":
            message = (
                f"{place} is no key of a definition. {hint(str(loc[-1]), _keys_beside(detail['loc']), 'keys here')}"
            )
        case "too_short" if detail["input"] == []:
            message = f"{place} is empty. Name at least one, or leave out what it stands in."
        case "source" | "condition":
            message = f"{place} is {_short(detail['input'])}. {detail['msg']}."
        case _:
            expected = " or ".join(dict.fromkeys(_expected(one["msg"]) for one in details))
            message = f"{place} is {_short(detail['input'])}, but should be {expected}."
    return Fault("bad-shape", message, _where(loc, loaded))


def _expected(message: str) -> str:
    if message.startswith("Input should be a valid dictionary"):
        return "an object"
    return {"Input should be a valid list": "an array"}.get(message) or message.removeprefix("Input should be ")


def _where(loc: _Loc, loaded: Any) -> str:
    if len(loc) > 1 and loc[0] == "nodes" and isinstance(loc[1], int):
        node = loaded["nodes"][loc[1]]
        if isinstance(node, dict) and isinstance(node.get("id"), str):
            return str(node["id"])
    return "definition"


def _real(detail: ErrorDetails, loaded: Any) -> _Loc:
    """Return the location of an error without the steps that pydantic adds for unions."""
    real: list[str | int] = []
    value = loaded
    for index, part in enumerate(detail["loc"]):
        missing = detail["type"] == "missing" and index == len(detail["loc"]) - 1
        if isinstance(value, dict) and (part in value or missing):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            continue
        real.append(part)
    return tuple(real)


def _without(loaded: dict[str, Any], locs: Iterable[_Loc]) -> dict[str, Any]:
    """Take out what stands at `locs`, or what lacks it; the last items of an array first, so that none moves before."""
    gone = {_existing(loaded, loc) for loc in locs}
    gone = {loc for loc in gone if not any(loc[:length] in gone for length in range(1, len(loc)))}
    for loc in sorted(
        gone, key=lambda loc: [(part if isinstance(part, int) else -1, str(part)) for part in loc], reverse=True
    ):
        container = loaded
        for part in loc[:-1]:
            container = container[part]  # type: ignore[index]
        if loc:
            del container[loc[-1]]  # type: ignore[arg-type]
    loaded.setdefault("id", UNNAMED)
    loaded.setdefault("nodes", [])
    return loaded


def _existing(loaded: Any, loc: _Loc) -> _Loc:
    """Return a location, or that of what should hold it when there is nothing."""
    for index, part in enumerate(loc):
        if isinstance(loaded, dict) and part not in loaded:
            return loc[:index]
        loaded = loaded[part]
    return loc


def _keys_beside(loc: _Loc) -> list[str]:
    model: type[BaseModel] = Definition
    for part in loc[:-1]:
        model = TAGGED.get(str(part), model)
        field = next((f for n, f in model.model_fields.items() if (f.alias or n) == part), None)
        if field is not None:
            model = _model_in(field.annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _spelled(loc: _Loc) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc[:20])
    text += "..." if len(loc) > 20 else ""
    return text.removeprefix(".") or "the definition"


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError):
        text = type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
