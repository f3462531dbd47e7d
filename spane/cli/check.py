"""`spane check`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spane.cli import exits, loading, stores
from spane.errors import DefinitionError, Fault, SettingsError, SpaneError, StoreError

if TYPE_CHECKING:
    from spane.authoring.workflow import Workflow
    from spane.settings import Settings


def check(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE[:WORKFLOW]", help="Files or modules with workflows.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="STORE", help="embedded, memory, or a Redis URL, as for `spane run`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check settings, store and workflows, and report everything that is wrong at once.

    Every body is traced twice: a workflow whose graph depends on the clock, on chance or on the environment would be
    another one at every start.
    """
    report = _Report(as_json=as_json)
    settings = report.settings(store)
    if settings is not None:
        report.store(store, settings)
    for target in files or []:
        report.workflows(target)
    report.end()


class _Report:
    """What was checked, with faults and warnings."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._checked: list[dict[str, Any]] = []
        self._code = exits.Exit.OK

    def settings(self, store: str | None) -> Settings | None:
        """Check the settings; None if they have faults."""
        try:
            settings = stores.settings_for(store)
        except SettingsError as error:
            self._add("settings", "", list(error.faults), [])
            return None
        self._add("settings", "", [], [])
        return settings

    def store(self, store: str | None, settings: Settings) -> None:
        """Check that the store can be reached and keeps what it is given."""
        from spane.model.urls import masked
        from spane.runtime.suitability import examine

        name = (
            store
            if store == "memory"
            else f"embedded in {settings.embedded_path}"
            if stores.is_embedded(store, settings)
            else masked(settings.redis_url)
        )
        faults: list[Fault] = []
        warnings: list[Fault] = []
        try:
            with stores.opened(store, settings) as opened:
                store_of = opened.engine.store
                faults, warnings = examine(store_of.client, prefix=store_of.keys.prefix)
            faults = [fault for fault in faults if fault.code not in settings.allow_unsafe_redis]
        except StoreError as error:
            faults = [Fault("unreachable", str(error))]
        if store == "memory":  # it promises to keep nothing
            faults, warnings = [], []
        self._add("store", name or "", faults, warnings, code=exits.Exit.STORE)

    def workflows(self, target: str) -> None:
        """Check every workflow of a file, or the one that is named."""
        source, name = loading.split(target)
        try:
            loaded = loading.module(source)
            found = (
                [loading.choose(loaded, source, name, "spane check")]
                if name
                else list(loading.workflows(loaded).values())
            )
        except SpaneError as error:
            self._add("file", target, list(_faults_of(error)), [])
            return
        if not found:
            self._add("file", source, [], [Fault("no-workflow", "it has no workflow.")])
        for workflow in found:
            faults, warnings = _examine(workflow)
            self._add("workflow", f"{source}:{workflow.name}", faults, warnings)

    def _add(
        self, what: str, which: str, faults: list[Fault], warnings: list[Fault], *, code: exits.Exit = exits.Exit.USAGE
    ) -> None:
        self._checked.append({"what": what, "which": which, "faults": faults, "warnings": warnings})
        if faults and self._code != exits.Exit.USAGE:
            self._code = code
        if not self._as_json:
            said = f"{len(faults)} faults" if len(faults) > 1 else "1 fault" if faults else "fine"
            typer.echo(f"{what} {which}: {said}" if which else f"{what}: {said}")
            for fault in faults:
                typer.echo(f"  - {fault}")
            for warning in warnings:
                typer.echo(f"  - warning: {warning}")

    def end(self) -> None:
        """Print the document, and end with the exit code."""
        if self._as_json:
            shown = [
                {
                    **entry,
                    "faults": list(map(_fields, entry["faults"])),
                    "warnings": list(map(_fields, entry["warnings"])),
                }
                for entry in self._checked
            ]
            typer.echo(json.dumps({"ok": self._code is exits.Exit.OK, "checked": shown}, indent=2))
        raise typer.Exit(self._code)


def _examine(workflow: Workflow[..., Any]) -> tuple[list[Fault], list[Fault]]:
    from spane.graph import check as check_draft

    try:
        first, second = workflow.draft, workflow.trace()
    except SpaneError as error:
        return list(_faults_of(error)), []
    faults, warnings = check_draft(first)
    return [*faults, *_differences(first, second, str(workflow.location))], warnings


def _differences(first: Any, second: Any, where: str) -> Iterator[Fault]:
    """Yield a fault where a second trace gave another graph, saying in what."""
    one, two = ({call.id: call for call in draft.calls} for draft in (first, second))
    told = [
        *(f"node {node!r} was there the first time only" for node in one if node not in two),
        *(f"node {node!r} was there the second time only" for node in two if node not in one),
        *(
            f"node {node!r} was given something else"
            for node in one
            if node in two and _said(one[node]) != _said(two[node])
        ),
    ]
    if not told and first.returns != second.returns:
        told = ["something else was returned"]
    if told:
        yield Fault(
            "unsteady-body",
            f"its body gave two different graphs: {'; '.join(told[:5])}. A body must not read the clock, random "
            "numbers, files or the environment; let a node do that, or take it as an input.",
            where,
        )


def _said(call: Any) -> tuple[Any, ...]:
    return call.type, call.arguments, call.args, call.merged, call.after, call.options, call.config, call.each


def _faults_of(error: SpaneError) -> tuple[Fault, ...]:
    if isinstance(error, DefinitionError | SettingsError):
        return error.faults
    return (Fault(type(error).__name__, str(error)),)


def _fields(fault: Fault) -> dict[str, str]:
    return {"code": fault.code, "message": fault.message, "where": fault.where}
