"""The shape of a definition: which keys stand where, and of what type.

Times without a unit in their name are milliseconds, as they are in definitions everywhere. Inside `spane` the words
are those of the Python side.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from spane.graph.definition.terms import Condition, Constant, Extra, Source
from spane.model.rules import OnFailure

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Retry(Extra):
    """The whole retry policy of a node, in seconds; what is left out stays as the node type has it."""

    attempts: int = Field(default=3, ge=1)
    backoff: Literal["exponential", "fixed"] = "exponential"
    base_s: float = 1.0
    factor: float = 2.0
    max_s: float = 3600.0
    jitter: float = 0.0
    retry_on: list[str] = Field(default_factory=list)
    give_up_on: list[str] = Field(default_factory=list)


class Options(Extra):
    """The rules of a node that `config` has no word for; what is left out stays as the node type has it."""

    retry: Retry = Field(default_factory=Retry)
    timeout_s: float | None = None
    queue: str = "default"
    priority: int | None = None
    delay_s: float = 0.0
    on_failure: OnFailure = "fail"
    version: str = ""


class Gate(Extra):
    """A branch that must be open for a node to run."""

    node: str = Field(description="The id of the node that decides.")
    branch: str = Field(description="The name of the branch.")


class Each(Extra):
    """What makes a node a map: it runs once for each item of the list that a parameter is bound to."""

    parameter: str = Field(
        default="", description="The parameter that each item is given as; unless given, the first that takes data."
    )
    max_in_flight: int | None = Field(
        default=None, ge=1, description="How many items may be queued or running at a time; null is 1,000."
    )
    on_item_failure: Literal["fail", "collect", "skip"] = Field(
        default="fail",
        description="Whether an item that used up its attempts fails the execution, stands in the list as its error, or is left out.",
    )


class NodeExtra(Extra):
    """What a node is bound to where that does not follow from its parents, and its further rules.

    With any of `arguments`, `args` and `merged`, nothing is bound but what they say.
    """

    arguments: dict[str, Source] = Field(default_factory=dict, description="The sources of parameters by name.")
    args: list[Source] = Field(default_factory=list, description="The sources of `*args`.")
    merged: list[Source] = Field(
        default_factory=list, description="Parents that are waited for and merged without a parameter of their own."
    )
    after: list[str] = Field(
        default_factory=list, description="Ids of nodes to run after, without taking what they return."
    )
    gates: list[Gate] = Field(
        default_factory=list,
        description="Branches that must all be open for it to run, each of a node that it waits for.",
    )
    decides: dict[str, Condition] = Field(
        default_factory=dict, description="The branches that its own output opens, by name; once in a workflow."
    )
    always_fed: bool = Field(
        default=False,
        description="Whether it runs even where all its parents were skipped, because something else feeds it.",
    )
    each: Each = Field(default_factory=Each, description="That it is a map, and how; one only where this is given.")
    options: Options = Field(default_factory=Options, description="Rules that `config` has no word for.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="The node's own config, where it uses a reserved key."
    )


class Backoff(_Shape):
    """The wait between attempts: `delay` each time, or doubling from `delay`."""

    type: Literal["fixed", "exponential"] = Field(default="exponential", description="How waits go on.")
    delay: Milliseconds = Field(default=1000, description="The first wait in milliseconds.")


class RetryPolicy(_Shape):
    """How often and when a node is tried again."""

    max_attempts: int = Field(default=3, ge=1, description="Tries in all, the first one counted.")
    backoff: Backoff = Field(default_factory=Backoff, description="`type` (fixed or exponential) and `delay` (ms).")


class Config(_Shape):
    """The rules of a node, and beside them whatever is its own."""

    model_config = ConfigDict(extra="allow")

    retry_policy: RetryPolicy = Field(
        default_factory=RetryPolicy, description="How often and when the node is tried again."
    )
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=1, description="Milliseconds that one attempt may take."
    )
    continue_on_fail: bool = Field(
        default=False, description="Whether its children go on without it when its attempts are used up."
    )


class Node(_Shape):
    """One node: its type, its rules, its parents (`inputs`) and its children (`outputs`)."""

    id: str = Field(description="Its id, once in a workflow.")
    type: str = Field(description="The name under which its node type is registered.")
    config: Config = Field(default_factory=Config, description="Its rules, and beside them whatever is its own.")
    inputs: list[str] = Field(default_factory=list, description="Ids of its parents.")
    outputs: list[str] = Field(default_factory=list, description="Ids of its children.")
    spane: NodeExtra = Field(default_factory=NodeExtra, description="What the other keys have no word for.")


class DeclaredInput(Extra):
    """An input that the workflow declares; `schema` is the JSON Schema of its values."""

    name: str = Field(description="Its name.")
    required: bool = Field(default=True, description="Whether a start must give it; not if there is a `default`.")
    default: Any = Field(default=None, description="Its value where a start gives none.")
    json_schema: dict[str, Any] = Field(
        default_factory=dict, alias="schema", description="The JSON Schema of its values; any value without one."
    )


class Limit(Extra):
    """A limit of executions: at once, in a period, or both; with `key`, for each value of that input."""

    concurrency: int | None = Field(default=None, ge=1, description="How many run at once.")
    rate: int | None = Field(default=None, ge=1, description="How many begin in a period.")
    period_ms: int = Field(default=1000, ge=1, description="The period in milliseconds.")
    burst: int | None = Field(default=None, ge=1, description="How many begin at once after a quiet time.")
    key: str | None = Field(default=None, pattern=r"^\w+(\.\w+)*$", description="An input, or a part of one.")


class Handler(_Shape):
    """The node that runs when an execution fails: its type, and its rules."""

    type: str = Field(description="The name under which its node type is registered.")
    config: Config = Field(default_factory=Config, description="Its rules, and beside them whatever is its own.")
    options: Options = Field(default_factory=Options, description="Rules that `config` has no word for.")


class DefinitionExtra(Extra):
    """What the workflow as a whole takes and returns; without `inputs` it takes any initial data."""

    inputs: list[DeclaredInput] = Field(default_factory=list, description="The inputs that it declares.")
    accepts_any_input: bool = Field(
        default=True, description="Whether it takes others as well; it does unless it declares `inputs`."
    )
    deadline_s: float = Field(
        default=1.0,
        description="Seconds after its beginning when an execution that has not ended fails; none without it.",
    )
    limit: Limit = Field(
        default_factory=Limit,
        description="How many of its executions run at once or begin in a period, or for each key.",
    )
    on_failure: Handler = Field(
        default_factory=lambda: Handler(type=""),
        description="The node that runs when an execution fails; none without it.",
    )
    returns: Source = Field(
        default_factory=lambda: Constant(constant=None),
        description="The source of its result; unless given, what the nodes without children return.",
    )


class Definition(_Shape):
    """A workflow as JSON."""

    id: str = Field(description="The workflow's name: what starts, events and plans know it by.")
    name: str = Field(default="", description="A title for people.")
    entry_node_id: str = Field(
        default="", description="Where it begins; nodes that this one does not lead to are warned of, and run as well."
    )
    nodes: list[Node] = Field(description="Its nodes; at least one.")
    triggers: list[dict[str, Any]] = Field(
        default_factory=list, description="What starts it from outside; kept, and not acted on yet."
    )
    max_concurrency: int = Field(
        default=1,
        ge=1,
        description="How many of its executions may run at once; others stay `scheduled` until one ends.",
    )
    priority: int = Field(
        default=5,
        ge=1,
        le=10,
        description="Of its starts, 10 first, and of nodes that run it; where a start, or the node, says none itself.",
    )
    delay: Milliseconds = Field(
        default=0, description="Milliseconds until an execution begins; where its start does not say when it does."
    )
    job_id: str = Field(
        default="",
        min_length=1,
        max_length=500,
        pattern=r"^[^|]*$",
        description="The key of its starts, where one says none itself: the same inputs are started once.",
    )
    spane: DefinitionExtra = Field(
        default_factory=DefinitionExtra, description="Declared inputs and the result, which the other keys cannot say."
    )


#: What a definition says about its starts rather than its nodes; it is kept as it is.
STARTING_KEYS = ("name", "entryNodeId", "triggers", "maxConcurrency", "priority", "delay", "jobId")

#: Keys of `config` that are rules of the node and not its own.
RESERVED_KEYS = ("retryPolicy", "timeout", "continueOnFail")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of definitions, for editors and other tools."""
    schema = Definition.model_json_schema(by_alias=True, schema_generator=_Published)
    return {"$schema": _Published.schema_dialect, **schema}


class _Published(GenerateJsonSchema):
    """Leaves out defaults, because a key left out means "as the node type has it", and titles, which say nothing."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
