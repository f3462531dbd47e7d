"""Load the file or module that a verb names, as a worker would, and find its workflows.

A module has to have the same name here and in `dramatiq spane.worker myapp.flows`, because plans name exception
classes by module. So a file in a package is loaded under its package, any other under its path from the working folder.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from spane.errors import DefinitionError, Fault, SpaneError

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow

_HERE = str(Path(__file__).parents[1]) + "/"


def workflow(target: str, written_after: str) -> Workflow[..., Any]:
    """Return the workflow that `FILE[:WORKFLOW]` names; what it is `written_after` is for the message that says what to write."""
    source, name = split(target)
    return choose(module(source), source, name, written_after)


def split(target: str) -> tuple[str, str | None]:
    """Return the file or module of `FILE[:WORKFLOW]`, and the workflow's name if one is given."""
    source, colon, name = target.rpartition(":")
    return (source, name) if colon and source else (target, None)


def workflows(loaded: ModuleType) -> dict[str, Workflow[..., Any]]:
    """Return a module's workflows by name: its own, or those it imports if it has none."""
    from spane.authoring.workflow import Workflow

    found = {value.name: value for value in vars(loaded).values() if isinstance(value, Workflow)}
    own = {name: value for name, value in found.items() if value.__module__ == loaded.__name__}
    return own or found


def choose(loaded: ModuleType, source: str, name: str | None, written_after: str) -> Workflow[..., Any]:
    """Return the module's workflow of that name, or its only one."""
    from spane.authoring.node import Node
    from spane.authoring.workflow import Workflow

    there = workflows(loaded)
    listed = ", ".join(there)
    if name is not None:
        named = there.get(name) or getattr(loaded, name, None)
        if isinstance(named, Workflow):
            return named
        what = "is not there" if not hasattr(loaded, name) else "is no workflow"
        if isinstance(getattr(loaded, name, None), Node):
            what = "is a node; run a workflow that calls it"
        raise _fault(source, "no-workflow", f"{name!r} {what}. Workflows in {source}: {listed or 'none'}.")
    if not there:
        raise _fault(
            source,
            "no-workflow",
            f"{source} has no workflow. Decorate the function that wires its nodes with @workflow.",
        )
    if len(there) > 1:
        raise _fault(
            source,
            "several-workflows",
            f"{source} has {len(there)} workflows: {listed}. Say which: {written_after} {source}:{next(iter(there))}",
        )
    return next(iter(there.values()))


def module(source: str) -> ModuleType:
    """Import a file (`flows/orders.py`) or a module (`flows.orders`)."""
    _put_on_path(str(Path.cwd()))
    path = Path(source)
    if path.suffix != ".py" and not path.is_file():
        if not all(part.isidentifier() for part in source.split(".")):
            raise _no_module(source)
        return _imported(source, source)
    if not path.is_file():
        raise _fault(source, "no-file", f"there is no file {source!r} in {Path.cwd()}.")
    name, root = module_name(path)
    _put_on_path(root)
    found = _find(name)
    if found is not None and found.origin is not None and Path(found.origin).resolve() == path.resolve():
        return _imported(name, source)
    return _from_file(path, source)


def module_name(path: Path) -> tuple[str, str]:
    """Return the name under which a file is imported, and the folder that has to be on the path for it."""
    file = path.resolve()
    root = file.parent
    if not (root / "__init__.py").exists():
        here = Path.cwd().resolve()
        if file.is_relative_to(here) and all(
            part.isidentifier() for part in file.relative_to(here).with_suffix("").parts
        ):
            root = here
    while (root / "__init__.py").exists():
        root = root.parent
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts), str(root)


def as_module(part: str) -> str:
    """Return the module of a file, or a module as it is, if it can be found; a worker takes modules only."""
    path = Path(part)
    if path.suffix != ".py":
        _put_on_path(str(Path.cwd()))
        if _find(part.partition(":")[0]) is None:
            raise _no_python(part) if path.is_file() else _no_module(part)
        return part
    if not path.is_file():
        raise _fault(part, "no-file", f"there is no file {part!r} in {Path.cwd()}.")
    name, root = module_name(path)
    if Path(root) != Path.cwd().resolve():
        raise _fault(part, "elsewhere", f"{part} is module {name!r} of {root}. Go there, and run: spane worker {name}")
    return name


def _put_on_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _find(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None  # A part of the name is some other module; the file is loaded by its path.


def _imported(name: str, source: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except SpaneError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise _no_module(source) from None
        raise _broken(source, error) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's module may raise anything
        raise _broken(source, error) from None


def _from_file(path: Path, source: str) -> ModuleType:
    """Load a file whose name another module has, `json.py` say, or which cannot be a module's."""
    spec = importlib.util.spec_from_file_location(f"spane_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise _no_python(source)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # hints of nodes are resolved through it
    try:
        spec.loader.exec_module(loaded)
    except SpaneError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's module may raise anything
        raise _broken(source, error) from None
    return loaded


def _no_python(source: str) -> DefinitionError:
    return _fault(
        source,
        "no-python",
        f"{source} is no Python file. Name a file that defines workflows; one that is kept as JSON becomes a workflow "
        "in such a file by Workflow.from_definition(...).",
    )


def _no_module(source: str) -> DefinitionError:
    return _fault(
        source,
        "no-module",
        f"there is no file or module {source!r} here. Modules are looked for from {Path.cwd()}.",
    )


def _broken(source: str, error: BaseException) -> DefinitionError:
    return _fault(source, "broken-module", f"{source} cannot be imported:\n\n{own_traceback(error)}")


def own_traceback(error: BaseException) -> str:
    """Return a traceback with the user's own frames only."""
    told = traceback.TracebackException.from_exception(error)
    told.stack = traceback.StackSummary.from_list(
        [frame for frame in told.stack if not frame.filename.startswith((_HERE, "<frozen importlib"))
         and frame.filename != importlib.__file__]
    )  # fmt: skip
    return "".join(told.format(chain=False))


def _fault(source: str, code: str, message: str) -> DefinitionError:
    return DefinitionError(source, [Fault(code, message)])
