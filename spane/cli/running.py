"""What `spane run` does: start or go on with an execution, show it, print how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TextIO

from spane.cli import commands, exits, loading, reporting, stores, values
from spane.cli.exits import Exit
from spane.cli.hints import Hints
from spane.cli.interruption import Interruption
from spane.cli.leftovers import Leftovers
from spane.cli.watching import End, Watch
from spane.control.causes import Dead
from spane.control.options import StartOptions
from spane.errors import InputError, StoreError, SubWorkflowFailed

if TYPE_CHECKING:
    from rich.console import Console

    from spane.authoring.workflow import Workflow
    from spane.cli.picture import Picture
    from spane.engine import Execution
    from spane.model.event import Event

#: What becomes of an execution that is watched no more.
_MEANS = {
    "embedded": "Execution {0} is kept; go on with it: {1}",
    "redis": "Execution {0} goes on with its workers; watch it again: {1}",
    "memory": "Execution {0} was in memory only and is gone.",
}
_SUB_WORKFLOW_FAILED = f"{SubWorkflowFailed.__module__}:{SubWorkflowFailed.__name__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The target and the options of `spane run`, as written."""

    target: str
    store: str | None
    key: str | None
    priority: int | None
    deadline: float | None
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


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a run is shown: the terminal of its live picture, if there is one, and what its result goes to."""

    console: Console | None
    results: TextIO


def carry_out(
    workflow: Workflow[..., Any], pairs: Sequence[str], document: str | None, options: RunOptions, screen: Screen
) -> Exit:
    """Run the workflow to its end and return the exit code."""
    given = values.read(workflow, pairs, document)
    # Faults come before anything is opened.
    _ = workflow.plan
    if not options.follow:
        asked = {"priority": options.priority, "deadline_s": options.deadline, "key": options.key}
        start = StartOptions.of(asked, workflow.draft.starts)
        start.check(workflow.name)
        # What takes up an earlier run, and what is said of it, goes by a key that the definition gives as well.
        options = replace(options, key=start.key)
        workflow.encode_inputs(given)
    elif given:
        problem = "--follow watches an execution that has its inputs already; leave these out."
        raise InputError(problem, workflow=workflow.name, problems=(problem,))
    settings = stores.settings_for(options.store)
    reporting.set_up_logging(settings.log_level, screen.console)
    with Interruption() as interruption, stores.opened(options.store, settings) as opened:
        opened.require_suitable()
        execution, others = _begin(opened, workflow, given, options)
        run = _Run(opened, workflow, execution, options, screen, interruption)
        run.introduce()
        others.announce()
        try:
            with opened.working(options.threads or settings.worker_threads, here=options.work):
                code = run.watch()
                if code is None and opened.kind == "memory":
                    interruption.end()  # there is nothing to bring to an end in order
            if code is None:
                run.conclude()
            others.conclude()
        except StoreError as error:
            code = run.give_up(error)
    return interruption.end() if code is None else code


def _begin(
    opened: stores.Opened, workflow: Workflow[..., Any], given: dict[str, Any], options: RunOptions
) -> tuple[Execution[Any], Leftovers]:
    """Start an execution, or take up the one that an earlier run left; returns the others that were left as well."""
    engine = opened.engine
    engine.registry.add_workflow(workflow)
    left = opened.unfinished()
    if options.follow:
        execution = _followed(opened, workflow, options.follow)
    else:
        same = None if options.new or options.key else opened.left_by(workflow, workflow.encode_inputs(given))
        execution = _started(opened, workflow, given, options) if same is None else _gone_on_with(opened, same)
        if same is not None and options.deadline is not None:
            reporting.say("It keeps the deadline that it was started with.")
    others = [other for other in left if other.id != execution.id]
    return execution, Leftovers(opened, others, store=options.store)


def _started(
    opened: stores.Opened, workflow: Workflow[..., Any], given: dict[str, Any], options: RunOptions
) -> Execution[Any]:
    before = opened.used_before(workflow, options.key)
    execution = opened.engine.start(
        workflow,
        given,
        key=options.key,
        priority=options.priority,
        deadline_s=options.deadline,
        metadata={stores.TARGET: f"{loading.split(options.target)[0]}:{workflow.name}"},
    )
    if execution.id == before:
        reporting.say(
            f"Key {options.key!r} was used before with these inputs: this is execution {execution.id} from then "
            f"({execution.status()}), and nothing new was started."
        )
    return execution


def _gone_on_with(opened: stores.Opened, execution: Execution[Any]) -> Execution[Any]:
    nodes = execution.nodes().values()
    reporting.say(
        f"Going on with execution {execution.id}, which had not ended ({sum(view.state.ended for view in nodes)} of "
        f"{len(nodes)} nodes are done). --new starts another."
    )
    return opened.engine.get(execution.id)


def _followed(opened: stores.Opened, workflow: Workflow[..., Any], execution_id: str) -> Execution[Any]:
    name = opened.runs(execution_id)
    if name not in (workflow.name, None):
        problem = f"execution {execution_id!r} is one of workflow {name!r}, not of {workflow.name!r}."
        raise InputError(problem[0].upper() + problem[1:], workflow=workflow.name, problems=(problem,))
    return opened.engine.get(execution_id)


class _Run:
    """One execution that is watched to its end, or as long as the user wants."""

    def __init__(
        self,
        opened: stores.Opened,
        workflow: Workflow[..., Any],
        execution: Execution[Any],
        options: RunOptions,
        screen: Screen,
        interruption: Interruption,
    ) -> None:
        self._opened = opened
        self._workflow = workflow
        self._execution = execution
        self._options = options
        self._console = screen.console
        self._results = screen.results
        self._interruption = interruption
        self._watch: Watch | None = None
        follow = commands.follow(options.target, execution.id, store=options.store, work=options.work)
        interruption.means = _MEANS[opened.kind].format(execution.id, follow)

    def introduce(self) -> None:
        """Say which execution it is, where the live picture does not."""
        if self._opened.kind == "redis" and self._console is None:
            reporting.say(f"Execution {self._execution.id} of {self._workflow.name}.")

    def watch(self) -> Exit | None:
        """Show the execution until it has ended, and return the exit code; None when the user wants to stop."""
        watch = self._watch = Watch(self._opened.engine, self._execution)
        hints = Hints(
            self._opened,
            watch,
            module=self._workflow.__module__,
            store=self._options.store,
            elsewhere=self._opened.kind == "redis" and not self._options.work,
            say=lambda message: reporting.say(message, self._console),
        )
        with self._picture(watch) as picture:
            for end, events in watch.turns():
                self._print_events(events)
                hints.look(events)
                if picture is not None:
                    picture.draw(end.status if end else None)
                if end is not None or self._interruption.asked:
                    break
        if end is not None:
            return self._finish(end)
        self._stop()
        return None

    def _picture(self, watch: Watch) -> AbstractContextManager[Picture | None]:
        if self._console is None:
            return nullcontext()
        from spane.cli.picture import Picture

        return Picture(self._console, watch, self._workflow)

    def _finish(self, end: End) -> Exit:
        """Print the result or the failure, and return the exit code."""
        if self._options.machine:
            self._print_document(end.status, result=end.result, failure=end.failure)
        elif end.failure is None:
            reporting.print_result(end.result, self._results)
        else:
            exits.complain(str(end.failure))
            self._tell_what_heals()
        return Exit.OK if end.failure is None else exits.code_of(end.failure)

    def _tell_what_heals(self) -> None:
        """Say how each dead letter is retried that lets the execution go on; what is in memory is gone with the process."""
        if self._opened.kind == "memory":
            return
        for cause in self._execution.explain().nodes.values():
            # The failure of a sub-workflow names the dead letter below itself.
            below = isinstance(cause, Dead) and cause.error is not None and cause.error.type == _SUB_WORKFLOW_FAILED
            if isinstance(cause, Dead) and cause.letter is not None and cause.remedy == "retry" and not below:
                command = commands.retry(cause.letter, folder=self._opened.folder, store=self._options.store)
                reporting.say(f"Once the fault is mended, let the execution go on: {command}")

    def _stop(self) -> None:
        """Tell what the user's wish to stop leads to."""
        if self._options.machine:
            # Should it end at once, this is what is known.
            document = reporting.as_document(self._interrupted(), line=self._options.events)
            self._interruption.document = (self._results.fileno(), document)
        if self._opened.kind == "embedded" or self._options.work:
            reporting.say("Stopping. What runs may finish; Ctrl-C again stops at once.")

    def conclude(self) -> None:
        """Print how things stand after the stop, which let what ran finish."""
        if not self._options.machine or self._watch is None:
            return
        end, events = self._watch.once_more()
        self._print_events(events)
        self._interruption.document = None
        if end is None:
            reporting.print_document(self._interrupted(), line=self._options.events, to=self._results)
        else:
            self._print_document(end.status, result=end.result, failure=end.failure)

    def _interrupted(self) -> dict[str, Any]:
        away = self._watch is None or self._watch.away is not None
        status = None if away else self._execution.status()
        return self._document(status, failure=KeyboardInterrupt(self._interruption.means))

    def give_up(self, error: StoreError) -> Exit:
        """Say that the store cannot be used any longer, and how to watch the execution again."""
        if self._options.machine:
            self._print_document(None, failure=error)
        exits.complain(f"{error}\n{self._interruption.means}")
        return exits.code_of(error)

    def _print_events(self, events: Sequence[Event]) -> None:
        if self._options.events:
            for event in events:
                reporting.print_json_line(reporting.event_fields(event), self._results)

    def _print_document(self, status: str | None, *, result: Any = None, failure: BaseException | None = None) -> None:
        fields = self._document(status, result=result, failure=failure)
        reporting.print_document(fields, line=self._options.events, to=self._results)

    def _document(
        self, status: str | None, *, result: Any = None, failure: BaseException | None = None
    ) -> dict[str, Any]:
        return reporting.document(
            self._execution.id, self._workflow, self._watch, status, result=result, failure=failure
        )
