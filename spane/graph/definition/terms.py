"""The shapes of sources and conditions in a definition."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Part = Annotated[str | int, Field(description="A key of an object or an index of an array.")]


class Extra(BaseModel):
    """An object that takes no other keys than its own, in the words of the Python side."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Constant(Extra):
    """A fixed JSON value."""

    constant: Any = Field(description="The value.")


class Input(Extra):
    """An input of the workflow, or the part of it at `path`; null is all of the initial data."""

    input: str | None = Field(description="Its name; null is all of the initial data.")
    path: list[Part] = Field(default_factory=list, description="The way to the part.")


class Output(Extra):
    """What another node returned, or the part of it at `path`."""

    output: str = Field(description="The node's id.")
    path: list[Part] = Field(default_factory=list, description="The way to the part.")


class Items(Extra):
    """An array made of sources."""

    items: list[Source] = Field(description="The sources of its items.")


class Fields(Extra):
    """An object made of sources."""

    fields: dict[str, Source] = Field(description="The sources of its values by key.")


class First(Extra):
    """The first of several sources that is there: what was skipped is not, null is."""

    first: list[Source] = Field(description="The sources to choose from.", min_length=1)


# Tags stand in the locations of errors, where they must not be taken for keys.
_TAGS = ("constant", "input", "output", "items", "fields", "first")
_CONDITION_TAGS = ("compare", "one_of", "is_none", "all", "any", "not")


def _tag(value: Any) -> str | None:
    return next((f"<{tag}>" for tag in _TAGS if tag in value), None) if isinstance(value, dict) else None


def _condition_tag(value: Any) -> str | None:
    return next((f"<{tag}>" for tag in _CONDITION_TAGS if tag in value), None) if isinstance(value, dict) else None


Source = Annotated[
    Annotated[Constant, Tag("<constant>")]
    | Annotated[Input, Tag("<input>")]
    | Annotated[Output, Tag("<output>")]
    | Annotated[Items, Tag("<items>")]
    | Annotated[Fields, Tag("<fields>")]
    | Annotated[First, Tag("<first>")],
    Discriminator(
        _tag,
        custom_error_type="source",
        custom_error_message="A source is an object with one of the keys constant, input, output, items, fields or first",
    ),
]


class Compare(Extra):
    """Two values compared as JSON; only two numbers or two texts have an order."""

    compare: Literal["==", "!=", "<", "<=", ">", ">="] = Field(description="How.")
    left: Source = Field(description="The source of the one.")
    right: Source = Field(description="The source of the other.")


class OneOf(Extra):
    """Whether a value is one of some constants."""

    one_of: list[Any] = Field(description="The constants.", min_length=1)
    value: Source = Field(description="The source of the value.")


class IsNone(Extra):
    """Whether a value is null."""

    is_none: Source = Field(description="The source of the value.")


class All(Extra):
    """Whether all conditions hold."""

    conditions: list[Condition] = Field(alias="all", description="The conditions.", min_length=1)


class AnyOf(Extra):
    """Whether one of some conditions holds."""

    conditions: list[Condition] = Field(alias="any", description="The conditions.", min_length=1)


class Not(Extra):
    """Whether a condition does not hold."""

    condition: Condition = Field(alias="not", description="The condition.")


Condition = Annotated[
    Annotated[Compare, Tag("<compare>")]
    | Annotated[OneOf, Tag("<one_of>")]
    | Annotated[IsNone, Tag("<is_none>")]
    | Annotated[All, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Not, Tag("<not>")],
    Discriminator(
        _condition_tag,
        custom_error_type="condition",
        custom_error_message="A condition is an object with one of the keys compare, one_of, is_none, all, any or not",
    ),
]

#: The shapes of sources and conditions by the tags that stand for them in locations of errors.
TAGGED: dict[str, type[BaseModel]] = {
    "<constant>": Constant,
    "<input>": Input,
    "<output>": Output,
    "<items>": Items,
    "<fields>": Fields,
    "<first>": First,
    "<compare>": Compare,
    "<one_of>": OneOf,
    "<is_none>": IsNone,
    "<all>": All,
    "<any>": AnyOf,
    "<not>": Not,
}
