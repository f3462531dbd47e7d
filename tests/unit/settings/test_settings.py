"""Settings: where they come from, and how faults are told."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from spane.errors import SettingsError
from spane.settings import NODE_JS_NAMES, PREFIX, Settings


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch):
    for variable in os.environ:
        if variable.upper().startswith(PREFIX) or variable.upper() in NODE_JS_NAMES.values():
            monkeypatch.delenv(variable)


@pytest.fixture
def variables(monkeypatch):
    def set_all(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


def faults(**given: object) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        Settings(**given)
    return {fault.where: fault.message for fault in caught.value.faults}


def test_the_defaults_are_those_the_promises_are_made_for():
    settings = Settings()
    assert (settings.lease_s, settings.renew_s, settings.sweep_s) == (5.0, 1.5, 0.5)
    assert (settings.shutdown_grace_s, settings.retention_s) == (25.0, 86_400.0)
    assert (settings.inline_value_bytes, settings.max_value_bytes) == (262_144, 67_108_864)
    assert (settings.namespace, settings.events_kept, settings.async_concurrency) == ("s", 100_000, 100)
    assert settings.embedded_path == Path(".spane")
    assert settings.allow_unsafe_redis == frozenset()
    assert settings.redis_url == "redis://localhost:6379/0"
    assert not settings.redis_named


def test_every_setting_is_read_from_its_variable(variables):
    variables(
        SPANE_REDIS_URL="rediss://h:6380/2",
        SPANE_LEASE_S="8",
        SPANE_MAX_VALUE_BYTES="400MiB",
        SPANE_ALLOW_UNSAFE_REDIS="eviction, persistence",
        SPANE_EMBEDDED_PATH="/var/spane",
        SPANE_LOG_LEVEL="WARNING",
    )
    settings = Settings()
    assert settings.redis_url == "rediss://h:6380/2"
    assert settings.redis_named
    assert settings.lease_s == 8
    assert settings.max_value_bytes == 400 * 2**20
    assert settings.allow_unsafe_redis == {"eviction", "persistence"}
    assert settings.embedded_path == Path("/var/spane")
    assert settings.log_level == "warning"


def test_the_names_of_spane_for_node_js_work_as_well(variables):
    variables(
        REDIS_URL="redis://one/1",
        WORKER_CONCURRENCY="5",
        SHUTDOWN_TIMEOUT="30000",
    )
    settings = Settings()
    assert (settings.redis_url, settings.worker_threads, settings.shutdown_grace_s) == ("redis://one/1", 5, 30.0)
    assert settings.redis_named


def test_an_argument_wins_over_a_variable_and_ours_over_those_for_node_js(variables):
    variables(SPANE_REDIS_URL="redis://ours", REDIS_URL="redis://theirs", SPANE_LEASE_S="9")
    assert Settings().redis_url == "redis://ours"
    assert Settings(redis_url="redis://given", lease_s=7).lease_s == 7
    assert Settings(redis_url="redis://given").redis_url == "redis://given"


def test_an_empty_variable_is_not_set(variables):
    variables(SPANE_REDIS_URL="", REDIS_URL="", SPANE_LEASE_S="", SHUTDOWN_TIMEOUT="")
    assert Settings() == Settings()
    assert Settings().lease_s == 5
    assert not Settings().redis_named


def test_settings_are_frozen_and_can_be_pickled():
    settings = Settings(lease_s=7)
    with pytest.raises(ValidationError):
        settings.lease_s = 8
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_all_faults_are_told_at_once_each_by_the_name_it_came_under(variables):
    variables(SPANE_LEASE_S="long", SHUTDOWN_TIMEOUT="soon", SPANE_WORKER_THREADS="0")
    assert set(faults(namespace="a|b", sweep_s=-1)) == {
        "SPANE_LEASE_S",
        "SHUTDOWN_TIMEOUT",
        "SPANE_WORKER_THREADS",
        "namespace",
        "sweep_s",
    }


def test_a_fault_names_the_value_the_reason_the_meaning_and_the_default(variables):
    variables(SPANE_LEASE_S="long")
    assert faults()["SPANE_LEASE_S"] == (
        "'long' does not do: it must be a valid number, unable to parse string as a number. "
        "It says how long a worker that fell silent keeps its attempts; the default is 5.0"
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("namespace", "a b", "it must be a name: 1 to 200 letters"),
        ("default_queue", "", "it must be a name"),
        ("retention_s", "inf", "it must be a finite number"),
        ("events_kept", 0, "it must be greater than or equal to 1"),
        ("worker_processes", "two", "it must be a valid integer"),
        ("log_level", "loud", "it must be 'debug', 'info', 'warning', 'error' or 'critical'"),
        ("allow_unsafe_redis", "eviction,backups", "it must be 'eviction' or 'persistence'"),
        ("max_value_bytes", "1KiB", "values up to 262144 bytes (SPANE_INLINE_VALUE_BYTES) are kept inline"),
        ("max_value_bytes", "huge", "could not parse value and unit from byte string"),
        ("redis_url", "http://h", "it begins with no scheme of Redis; write it like redis://user:password@host"),
        ("redis_url", "localhost", "it begins with no scheme of Redis"),
        ("redis_url", "redis:///0", "it names no host"),
        ("redis_url", "unix://", "it names no socket"),
        ("redis_url", "redis://h/first", "its database 'first' is not a number"),
        ("redis_url", "redis://h:port/0", "it is no URL (Port could not be cast to integer value"),
        ("redis_url", "redis://[::1/0", "it is no URL (Invalid IPv6 URL)"),
    ],
)
def test_each_fault_says_why(name, value, message):
    assert message in faults(**{name: value})[name]


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://:pw@h:6379/0",
        "rediss://u:p@h/1?ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=1",
        "valkey://h",
    ],
)
def test_these_urls_do(url):
    assert Settings(redis_url=url).redis_url == url


def test_a_lease_is_renewed_at_least_twice(variables):
    variables(SPANE_LEASE_S="2")
    message = faults()["SPANE_RENEW_S"]
    assert message.startswith("1.5 does not do: a lease of 2 s (SPANE_LEASE_S) must be renewed at least twice")
    assert "set SPANE_RENEW_S to at most 1, or lengthen the lease" in message
    assert Settings(renew_s=1).lease_s == 2


@pytest.mark.parametrize(
    "url", ["http://user:hush@h", "redis://:hush@h:port", "redis://u:hu/sh@h/0", "redis://h/x?password=hush"]
)
def test_secrets_in_urls_are_masked(url):
    with pytest.raises(SettingsError) as caught:
        Settings(redis_url=url)
    assert "***" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "hu/sh" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_repr_masks_secrets():
    shown = repr(Settings(redis_url="redis://u:hush@h/0"))
    assert "hush" not in shown
    assert "redis://***@h/0" in shown


def test_an_unknown_setting_is_a_fault_with_the_nearest_name():
    assert faults(namspace="x") == {"namspace": "there is no such setting; did you mean 'namespace'?"}
    assert "there are allow_unsafe_redis, " in faults(xyz=1)["xyz"]


def test_a_misspelt_variable_is_a_fault_and_a_foreign_one_is_not(variables):
    variables(SPANE_REDIS_ULR="redis://h", SPANE_LEASE_S="long", SPANE_TOTALLY_OTHER="1")
    found = faults()
    assert found["SPANE_REDIS_ULR"] == "there is no such setting; did you mean SPANE_REDIS_URL?"
    assert set(found) == {"SPANE_REDIS_ULR", "SPANE_LEASE_S"}


def test_variables_of_programs_beside_us_that_no_feature_reads_are_let_alone(variables):
    variables(PORT="none of ours", DATABASE_URL="postgresql://db/x", ENABLE_PRODUCTION_OPS="perhaps")
    assert Settings() == Settings()
    assert not {"port", "database_url", "production_ops"} & set(Settings.model_fields)
