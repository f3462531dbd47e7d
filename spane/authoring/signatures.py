"""What a function's signature says: its parameters with resolved annotations, and what cannot be resolved."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any

from spane.authoring.context import MARKER, Context
from spane.authoring.parents import Parents
from spane.authoring.resources import Use
from spane.model.node_type import MISSING, Parameter, ParameterKind


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters in order, the return annotation, and a message for each annotation that names nothing."""

    parameters: tuple[Parameter, ...]
    returns: Any
    problems: tuple[str, ...]
    inspected: inspect.Signature

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of that name, or None."""
        return next((p for p in self.parameters if p.name == name), None)


def inspect_signature(fn: Callable[..., Any]) -> inspect.Signature:
    """Return `inspect.signature`, without evaluating annotations where Python defers them."""
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415 - not there before Python 3.14

        return inspect.signature(fn, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(fn)


def read(fn: Callable[..., Any], frame: FrameType | None, *, method: bool = False) -> Signature:
    """Read a function's signature.

    `frame` is where a local function was defined: its locals count when annotations are resolved, even
    those assigned after the definition. `method` leaves out the first parameter.
    """
    inspected = inspect_signature(fn)
    if method:
        inspected = inspected.replace(parameters=list(inspected.parameters.values())[1:])
    hints, problems = _hints(fn, inspected, frame)
    parameters = tuple(_parameter(found, hints.get(name, MISSING)) for name, found in inspected.parameters.items())
    return Signature(parameters, hints.get("return", MISSING), problems, inspected)


def _parameter(found: inspect.Parameter, annotation: Any) -> Parameter:
    bare = _without_metadata(annotation)
    if found.kind is inspect.Parameter.VAR_POSITIONAL:
        kind = ParameterKind.VARIADIC
    elif found.kind is inspect.Parameter.VAR_KEYWORD:
        kind = ParameterKind.KEYWORDS
    elif bare is Context or found.default is MARKER or isinstance(found.default, Context):
        kind = ParameterKind.CONTEXT
    elif isinstance(found.default, Use):
        kind = ParameterKind.RESOURCE
    elif bare is Parents:
        kind = ParameterKind.PARENTS
    else:
        kind = ParameterKind.DATA
    positional_only = found.kind is inspect.Parameter.POSITIONAL_ONLY
    return Parameter(found.name, annotation, found.default, kind, positional_only)


def _without_metadata(annotation: Any) -> Any:
    """Return what `Annotated[X, ...]` and `X | None` are about, so that `Context | None` counts as Context."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _without_metadata(typing.get_args(annotation)[0])
    members = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
    if len(members) == 1 and len(typing.get_args(annotation)) == 2 and members[0] in (Context, Parents):
        return members[0]
    return annotation


def _hints(
    fn: Callable[..., Any], inspected: inspect.Signature, frame: FrameType | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    scope = _scope(fn, frame)
    try:
        return typing.get_type_hints(fn, localns=scope, include_extras=True), ()
    except Exception:  # noqa: BLE001 - evaluating annotations runs what users wrote
        # One unknown name fails them all; taken one by one, the others still count and the culprit has a name.
        return _hints_one_by_one(fn, inspected, scope)


def _hints_one_by_one(
    fn: Callable[..., Any], inspected: inspect.Signature, scope: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    written = {name: parameter.annotation for name, parameter in inspected.parameters.items()}
    written["return"] = inspected.return_annotation
    hints: dict[str, Any] = {}
    problems: list[str] = []
    for name, annotation in written.items():
        if annotation is inspect.Parameter.empty:
            continue
        holder = FunctionType(_scope.__code__, _globals(fn))
        holder.__annotations__ = {name: annotation}
        try:
            found = typing.get_type_hints(holder, localns=scope, include_extras=True)
        except Exception as error:  # noqa: BLE001 - as above
            place = "the return annotation" if name == "return" else f"the annotation of parameter {name!r}"
            problems.append(
                f"{place}, {_written(annotation)}, cannot be resolved ({type(error).__name__}: {error}). Import the name at run time, "
                "not only under `if TYPE_CHECKING:`, and check its spelling."
            )
        else:
            hints[name] = found[name]
    return hints, tuple(problems)


def _written(annotation: Any) -> str:
    """Return an annotation as its author wrote it; where Python defers them, it stands in a `ForwardRef`."""
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else repr(annotation)


def _globals(fn: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = getattr(inspect.unwrap(fn), "__globals__", {})
    return found


def _scope(fn: Callable[..., Any], frame: FrameType | None) -> dict[str, Any]:
    """Return the names that a local function's annotations may use besides its module's."""
    scope = dict(frame.f_locals) if frame is not None else {}
    inner = inspect.unwrap(fn)
    code = getattr(inner, "__code__", None)
    for name, cell in zip(code.co_freevars if code else (), getattr(inner, "__closure__", None) or (), strict=False):
        try:
            scope[name] = cell.cell_contents
        except ValueError:
            continue
    return scope
