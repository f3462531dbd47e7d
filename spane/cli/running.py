"""What `spane run` does: start or go on with an execution, show it, print how it ended."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spane.cli import reporting, stores, values
from spane.cli.exits import Exit
from spane.cli.interruption import Interruption
from spane.cli.watching import Watch
from spane.errors import ExecutionCancelled, ExecutionFailed, InputError

if TYPE_CHECKING:
    from rich.console import Console

    from spane.authoring.workflow import Workflow
    from spane.engine import Execution
    from spane.model.state import ExecutionState

_PATIENCE_S = 3.0
_HOW_TO_GO_ON = {
    "embedded": "Execution {} is kept; run the same command again to go on with it.",
    "redis": "Execution {0} goes on with its workers; --follow {0} watches it.",
    "memory": "The execution was in memory only and is gone.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of `spane run`, as written."""

    store: str | None
    key: str | None
    priority: int
    follow: str | None
    new: bool
    work: bool
    threads: int | None
    as_json: bool
    events: bool

    @property
    def machine(self) -> bool:
        """Whether a program reads the output."""
        return self.as_json or self.events


def carry_out(workflow: Workflow[..., Any], pairs: Sequence[str], document: str | None, options: RunOptions) -> Exit:
    """Run the workflow to its end and return the exit code."""
    given = values.read(workflow, pairs, document)
    _ = workflow.plan  # its faults come before anything is opened
    settings = stores.settings_for(options.store)
    console = reporting.terminal(quiet=options.machine)
    reporting.set_up_logging(settings.log_level, console)
    with Interruption() as interruption, stores.opened(options.store, settings) as opened:
        opened.require_suitable()
        execution = _begin(opened, workflow, given, options)
        interruption.means = _HOW_TO_GO_ON[opened.kind].format(execution.id)
        with opened.working(options.threads or settings.worker_threads, here=options.work):
            watch = Watch(opened.engine, execution)
            ended = _watch(watch, workflow, opened, options, console, interruption)
            if ended is not None:
                return _finish(execution, workflow, watch, ended, options)
            if opened.kind == "memory":
                interruption.end()  # there is nothing to bring to an end in order
            if opened.kind == "embedded":
                reporting.say("Stopping. What runs may finish; Ctrl-C again stops at once.")
    return interruption.end()


def _begin(
    opened: stores.Opened, workflow: Workflow[..., Any], given: dict[str, Any], options: RunOptions
) -> Execution[Any]:
    """Start an execution, or take up the one that an earlier run left."""
    engine = opened.engine
    engine.registry.add_workflow(workflow)
    if options.follow:
        return _followed(opened, workflow, options.follow)
    left = opened.unfinished()
    same = None if options.new or options.key else opened.left_by(workflow, workflow.encode_inputs(given))
    others = [execution for execution in left if same is None or execution.id != same.id]
    if others:
        some = "an execution that" if len(others) == 1 else f"{len(others)} executions that"
        reporting.say(f"Going on beside this with {some} had not ended: {', '.join(one.id for one in others[:5])}.")
    if same is not None:
        done = sum(view.state.ended for view in same.nodes().values())
        reporting.say(
            f"Going on with execution {same.id}, which had not ended ({done} of {len(workflow.plan.nodes)} nodes are done). "
            "--new starts another."
        )
        return engine.get(same.id)
    return engine.start(workflow, given, key=options.key, priority=options.priority)


def _followed(opened: stores.Opened, workflow: Workflow[..., Any], execution_id: str) -> Execution[Any]:
    name = opened.runs(execution_id)
    if name not in (workflow.name, None):
        problem = f"execution {execution_id!r} is one of workflow {name!r}, not of {workflow.name!r}."
        raise InputError(problem[0].upper() + problem[1:], workflow=workflow.name, problems=(problem,))
    return opened.engine.get(execution_id)


def _watch(
    watch: Watch,
    workflow: Workflow[..., Any],
    opened: stores.Opened,
    options: RunOptions,
    console: Console | None,
    interruption: Interruption,
) -> ExecutionState | None:
    """Show the execution until it has ended, and return how; None when the user wants to stop."""
    picture: Any = nullcontext()
    if console is not None:
        from spane.cli.picture import Picture

        picture = Picture(console, watch, workflow)
    patient_until = time.monotonic() + _PATIENCE_S
    hint_due = opened.kind == "redis" and not options.work
    with picture as shown:
        for ended, events in watch.turns():
            if options.events:
                for event in events:
                    reporting.print_json_line(reporting.event_fields(event))
            if shown is not None:
                shown.draw(ended)
            if hint_due and not watch.claimed and time.monotonic() > patient_until:
                hint_due = False
                reporting.say(f"No worker has taken it yet. Start one: dramatiq spane.worker {workflow.__module__}")
            if ended is not None or interruption.asked:
                return ended
    return None


def _finish(
    execution: Execution[Any], workflow: Workflow[..., Any], watch: Watch, ended: ExecutionState, options: RunOptions
) -> Exit:
    """Print the result or the failure, and return the exit code."""
    result, failure = None, None
    try:
        result = execution.result()
    except (ExecutionFailed, ExecutionCancelled) as error:
        failure = error
    if options.machine:
        told = reporting.document(execution.id, workflow, watch, ended, result, failure)
        if options.events:
            reporting.print_json_line({"kind": "end", **told})
        else:
            sys.stdout.write(json.dumps(told, indent=2) + "\n")
    elif failure is None:
        reporting.print_result(result)
    if failure is None:
        return Exit.OK
    if not options.machine:
        reporting.complain_of(failure)
    return Exit.CANCELLED if isinstance(failure, ExecutionCancelled) else Exit.FAILED
