"""Sources and options between a draft and the `spane` object of a definition."""

from __future__ import annotations

import json
from dataclasses import fields as dataclass_fields
from typing import Any

import msgspec

from spane.graph.definition import shape, terms
from spane.graph.definition.plain import constant
from spane.model.expressions import Constant, Fields, First, Input, Items, Output, Source
from spane.model.node_type import NodeOptions
from spane.model.rules import RetryPolicy


def source_of(shaped: Any) -> Source:
    """Return the source that a definition says."""
    match shaped:
        case terms.Constant():
            return constant(shaped.constant)
        case terms.Input():
            return Input(shaped.input, tuple(shaped.path))
        case terms.Output():
            return Output(shaped.output, tuple(shaped.path))
        case terms.Items():
            return Items(tuple(source_of(item) for item in shaped.items))
        case terms.First():
            return First(tuple(source_of(item) for item in shaped.first))
        case _:
            return Fields(tuple((key, source_of(item)) for key, item in shaped.fields.items()))


def as_json(source: Source) -> dict[str, Any]:
    """Return a source as a definition says it."""
    match source:
        case Constant(raw):
            return {"constant": json.loads(bytes(raw))}
        case Input(name, path):
            return {"input": name, "path": list(path)} if path else {"input": name}
        case Output(node, path):
            return {"output": node, "path": list(path)} if path else {"output": node}
        case Items(items):
            return {"items": [as_json(item) for item in items]}
        case Fields(pairs):
            return {"fields": {key: as_json(item) for key, item in pairs}}
        case First(items):
            return {"first": [as_json(item) for item in items]}


def options_of(config: shape.Config, extra: shape.Options, base: NodeOptions) -> NodeOptions:
    """Return the rules of a node: those of its type, with what the definition says instead."""
    changes: dict[str, Any] = {}
    retry: dict[str, Any] = {}
    if "retry_policy" in config.model_fields_set:
        policy = config.retry_policy
        if "max_attempts" in policy.model_fields_set:
            retry["attempts"] = policy.max_attempts
        if "type" in policy.backoff.model_fields_set:
            retry["backoff"] = policy.backoff.type
        if "delay" in policy.backoff.model_fields_set:
            retry["base_s"] = policy.backoff.delay / 1000
    if "timeout" in config.model_fields_set:
        changes["timeout_s"] = config.timeout / 1000
    if "continue_on_fail" in config.model_fields_set:
        changes["on_failure"] = "continue" if config.continue_on_fail else "fail"
    for name in extra.model_fields_set - {"retry"}:
        changes[name] = getattr(extra, name)
    for name in extra.retry.model_fields_set:
        value = getattr(extra.retry, name)
        retry[name] = tuple(value) if isinstance(value, list) else value
    if retry:
        changes["retry"] = msgspec.structs.replace(base.retry, **retry)
    return base.changed(**changes)


def options_as_json(options: NodeOptions, base: NodeOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what differs from the type's rules: in the words of `config`, and the rest in those of `spane`."""
    config: dict[str, Any] = {}
    extra: dict[str, Any] = {
        field.name: getattr(options, field.name)
        for field in dataclass_fields(NodeOptions)
        if getattr(options, field.name) != getattr(base, field.name)
    }
    if "retry" in extra:
        retry = _differing(extra.pop("retry"), base.retry)
        if (policy := _policy(retry, options.retry)) is not None:
            config["retryPolicy"] = policy
        else:
            extra["retry"] = retry
    if "timeout_s" in extra and (timeout := _milliseconds(options.timeout_s)):
        config["timeout"] = timeout
        del extra["timeout_s"]
    if "on_failure" in extra and options.on_failure != "skip":
        config["continueOnFail"] = extra.pop("on_failure") == "continue"
    return config, extra


def _differing(retry: RetryPolicy, base: RetryPolicy) -> dict[str, Any]:
    found = {name: getattr(retry, name) for name in RetryPolicy.__struct_fields__}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value != getattr(base, name)
    }


def _policy(differing: dict[str, Any], retry: RetryPolicy) -> dict[str, Any] | None:
    """Return the whole of `retryPolicy`, or None where it cannot say what differs."""
    delay = _milliseconds(retry.base_s)
    if delay is None or not differing.keys() <= {"attempts", "backoff", "base_s"}:
        return None
    return {"maxAttempts": retry.attempts, "backoff": {"type": retry.backoff, "delay": delay}}


def _milliseconds(seconds: float | None) -> int | None:
    """Return whole milliseconds that stand for exactly these seconds, if there are any."""
    if seconds is None:
        return None
    found = round(seconds * 1000)
    return found if found / 1000 == seconds else None
