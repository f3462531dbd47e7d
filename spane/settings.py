"""Settings: one frozen object, read from keyword arguments, `SPANE_*` variables and the names of SPANE for Node.js.

A keyword argument wins over a variable, `SPANE_REDIS_URL` over `REDIS_URL`, and either over the default.
An empty variable counts as not set. Everything that is wrong is reported at once, as `SettingsError`.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ByteSize, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from spane.errors import Fault, SettingsError
from spane.model.ids import NAME_RULE, is_name
from spane.model.paths import shorten
from spane.model.urls import masked

PREFIX = "SPANE_"

#: The names these settings have in SPANE for Node.js, by field.
NODE_JS_NAMES = {
    "redis_url": "REDIS_URL",
    "worker_threads": "WORKER_CONCURRENCY",
    "shutdown_grace_s": "SHUTDOWN_TIMEOUT",
}
_IN_MILLISECONDS = frozenset({"SHUTDOWN_TIMEOUT"})

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
UnsafeName = Literal["eviction", "persistence"]


def _names(value: Any) -> Any:
    """Split `a, b` as a variable gives it."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


#: Below the most that Redis takes in one argument, with room for what stands around a value.
LARGEST_VALUE = 500 * 1024 * 1024


class Settings(BaseSettings):
    """All settings of SPANE. Times are in seconds, sizes in bytes (`64MiB` works as well)."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    redis_url: str = Field(default="redis://localhost:6379/0", description="where Redis or Valkey is")
    namespace: str = Field(default="s", description="what every key in Redis begins with")
    embedded_path: Path = Field(default=Path(".spane"), description="the folder of the embedded store")
    allow_unsafe_redis: Annotated[frozenset[UnsafeName], NoDecode, BeforeValidator(_names)] = Field(
        default=frozenset(), description="what Redis need not guarantee: `eviction`, `persistence`"
    )

    lease_s: Seconds = Field(default=5.0, description="how long a worker that fell silent keeps its attempts")
    renew_s: Seconds = Field(default=1.5, description="how often a worker renews its lease")
    sweep_s: Seconds = Field(default=0.5, description="how often expired leases are looked for")
    shutdown_grace_s: Seconds = Field(default=25.0, description="how long running nodes may finish at shutdown")
    retention_s: Seconds = Field(default=86_400.0, description="how long an ended execution is kept in Redis")
    dead_letter_retention_s: Seconds = Field(default=604_800.0, description="how long a dead letter is kept in Redis")
    priority_ageing_s: Seconds | None = Field(
        default=None, description="how long a queued node waits for each priority that it gains; unset for never"
    )
    events_kept: Count = Field(default=100_000, description="how many events the stream keeps")

    inline_value_bytes: ByteSize = Field(default=ByteSize(262_144), ge=0, description="the largest value kept inline")
    max_value_bytes: ByteSize = Field(default=ByteSize(67_108_864), ge=1, description="the largest value at all")

    default_queue: str = Field(default="default", description="the queue of nodes that name none")
    worker_processes: Count = Field(default_factory=lambda: os.cpu_count() or 1, description="processes of a worker")
    worker_threads: Count = Field(default=8, description="threads of each worker process")
    async_concurrency: Count = Field(default=100, description="async nodes running at once in a worker process")

    log_level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        default="info", description="the least severe log lines that are shown"
    )

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            faults = [_fault(detail, given) for detail in error.errors(include_url=False)]
        else:
            faults = []
        faults += _misspelt()
        if faults:
            # `from None`: pydantic's error quotes the values, secrets included.
            raise SettingsError("The configuration", faults) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then `SPANE_*`, then the names of SPANE for Node.js; no files."""
        return init_settings, env_settings, _NodeJsNames(settings_cls)

    def __repr_args__(self) -> Any:
        """Show URLs without their secrets."""
        for name, value in super().__repr_args__():
            yield name, masked(value) if isinstance(value, str) and name == "redis_url" else value

    @property
    def redis_named(self) -> bool:
        """Whether somebody said which Redis to use; if not, `spane run` uses the embedded store."""
        return "redis_url" in self.model_fields_set

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_one(cls, value: str) -> str:
        _check_redis_url(value)
        return value

    @field_validator("namespace", "default_queue")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not is_name(value):
            raise ValueError(f"it must be a name: {NAME_RULE}")
        return value

    @field_validator("renew_s")
    @classmethod
    def _renews_in_time(cls, value: float, info: ValidationInfo) -> float:
        lease_s = info.data.get("lease_s", float("inf"))
        if value > lease_s / 2:
            raise ValueError(
                f"a lease of {lease_s:g} s (SPANE_LEASE_S) must be renewed at least twice while it lasts, or one late "
                f"renewal loses it; set SPANE_RENEW_S to at most {lease_s / 2:g}, or lengthen the lease"
            )
        return value

    @field_validator("max_value_bytes")
    @classmethod
    def _fits_between(cls, value: ByteSize, info: ValidationInfo) -> ByteSize:
        if value > LARGEST_VALUE:
            raise ValueError(
                f"Redis takes no value of more than 512 MiB (proto-max-bulk-len); set at most {LARGEST_VALUE} bytes, and "
                "store what is larger elsewhere"
            )
        inline = info.data.get("inline_value_bytes", 0)
        if value < inline:
            raise ValueError(
                f"values up to {inline} bytes (SPANE_INLINE_VALUE_BYTES) are kept inline, so larger ones must be "
                "allowed; raise this or lower that"
            )
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


def _check_redis_url(url: str) -> None:
    example = "write it like redis://user:password@host:6379/0, rediss://... for TLS, or unix:///path/to/redis.sock"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(
            f"it is no URL ({masked(str(error))}); percent-encode special characters in a password, and {example}"
        ) from None
    if parts.scheme not in ("redis", "rediss", "unix", "valkey", "valkeys"):
        raise ValueError(f"it begins with no scheme of Redis; {example}")
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError(f"it names no socket; {example}")
    elif not parts.hostname:
        raise ValueError(f"it names no host; {example}")
    elif parts.path.strip("/") and not parts.path.strip("/").isdigit():
        raise ValueError(f"its database {parts.path.strip('/')!r} is not a number; {example}")


class _NodeJsNames(PydanticBaseSettingsSource):
    """The variables of SPANE for Node.js; SHUTDOWN_TIMEOUT is in milliseconds there."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = NODE_JS_NAMES.get(field_name, "")
        value: Any = os.environ.get(variable) or None
        if value is not None and variable in _IN_MILLISECONDS:
            value = _from_milliseconds(value)
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def _from_milliseconds(value: str) -> Any:
    try:
        return float(value) / 1000
    except ValueError:
        return value


def _fault(detail: ErrorDetails, given: dict[str, Any]) -> Fault:
    name = str(detail["loc"][0])
    where, value = _origin(name, given)
    if detail["type"] == "extra_forbidden":
        known = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"; did you mean {known[0]!r}?" if known else f"; there are {', '.join(sorted(Settings.model_fields))}"
        return Fault("unknown_setting", f"there is no such setting{hint}", name)
    reason = detail["msg"].removeprefix("Value error, ").replace("Input should be", "it must be", 1)
    shown = shorten(masked(value) if isinstance(value, str) else value)
    return Fault("bad_setting", f"{shown} does not do: {reason}. {_meaning(name)}", where)


def _origin(name: str, given: dict[str, Any]) -> tuple[str, Any]:
    """Return what the value of a field came from, and the value as it stood there."""
    if name in given:
        return name, given[name]
    variables = {variable.upper(): value for variable, value in os.environ.items() if value}
    for variable in (f"{PREFIX}{name}".upper(), NODE_JS_NAMES.get(name, "")):
        if variable in variables:
            return variable, variables[variable]
    return f"{PREFIX}{name}".upper(), Settings.model_fields[name].get_default(call_default_factory=True)


def _meaning(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    shown = ", ".join(sorted(default)) if isinstance(default, frozenset) else default
    without = f"the default is {shown}" if default not in (None, frozenset()) else "it may be left out"
    return f"It says {field.description}; {without}"


def _misspelt() -> list[Fault]:
    """Find `SPANE_*` variables that are no setting but look like one that is not set."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    present = {variable.upper() for variable in os.environ if variable.upper().startswith(PREFIX)}
    faults = []
    for variable in sorted(present - known):
        close = difflib.get_close_matches(variable, known - present, n=1, cutoff=0.85)
        if close:
            faults.append(Fault("unknown_setting", f"there is no such setting; did you mean {close[0]}?", variable))
    return faults
