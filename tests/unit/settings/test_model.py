from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from settings import AccountSettings, Settings

KEY = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def account(**changes: Any) -> AccountSettings:
    values = {
        "endpoint": "http://127.0.0.1:8080/v20/default.asmx",
        "username": "jobs",
        "password": "hunter2-hunter2",
        "client_code": "acme",
    }
    return AccountSettings.model_validate(values | changes)


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({"accounts": {"default": account()}} | changes)


def test_settings_made_directly_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIO_THREADS", "3")
    assert settings().threads == 16


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        settings().threads = 3  # type: ignore[misc]


def test_secrets_show_in_no_representation() -> None:
    made = settings(redis_url="redis://:hunter2-hunter2@h/0", session_key=KEY)
    shown = f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"
    assert "hunter2" not in shown
    assert KEY not in shown
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    "endpoint",
    ["https://api.rev.io/x", "http://localhost:1/x", "http://127.8.8.8/x", "http://[::1]:80/x"],
)
def test_https_and_loopback_endpoints_are_taken(endpoint: str) -> None:
    assert account(endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://api.rev.io/x",
        "http://localhost.example.com/x",
        "http://127.0.0.1.example.com/x",
        "http://10.0.0.1/x",
        "ftp://127.0.0.1/x",
        "127.0.0.1:8080",
        "https://user:secret@api.rev.io/x",
        "https://api.rev.io:port/x",
        "https://[::1/x",
        "https:///x",
        "",
    ],
)
def test_other_endpoints_are_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError):
        account(endpoint=endpoint)


def test_a_wsdl_is_a_file_that_exists_or_an_address(tmp_path: Path) -> None:
    file = tmp_path / "revio.wsdl"
    with pytest.raises(ValidationError, match="there is no file"):
        account(wsdl=str(file))
    file.touch()
    assert account(wsdl=str(file)).wsdl_location == str(file)
    with pytest.raises(ValidationError, match="must be https"):
        account(wsdl="http://api.rev.io/x?WSDL")


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h:6379/3",
        "rediss://user:p%40ss@h:6380/0?ssl_cert_reqs=required",
        "sentinel://a:26379/0;sentinel://b:26379/0",
    ],
)
def test_addresses_of_redis_are_taken(url: str) -> None:
    assert settings(redis_url=url).redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    ["h:6379", "http://h", "redis://", "redis://h/zero", "redis://h:x", "redis://a;redis://b", ""],
)
def test_other_addresses_of_redis_are_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        settings(redis_url=url)


@given(per_minute=st.integers(1, 10_000), per_day=st.integers(1, 1_000_000))
def test_what_bulk_leaves_by_default_scales_with_the_limits(per_minute: int, per_day: int) -> None:
    made = account(calls_per_minute=per_minute, calls_per_day=per_day)
    assert made.bulk_headroom_per_minute == per_minute * 5 // 100
    assert made.bulk_reserve_per_day == per_day // 30


@given(
    lease=st.integers(1, 400),
    wait=st.integers(1, 60),
    timeouts=st.lists(st.integers(5, 120), min_size=1, max_size=3),
)
def test_a_lease_that_could_end_during_a_call_is_refused(
    lease: int, wait: int, timeouts: list[int]
) -> None:
    accounts = {f"a{i}": account(call_timeout_s=timeout) for i, timeout in enumerate(timeouts)}
    values = {"accounts": accounts, "lease_s": lease, "max_permit_wait_s": wait}
    if lease >= max(wait, *timeouts) + 10:
        assert Settings.model_validate(values).lease_s == lease
    else:
        with pytest.raises(ValidationError, match="could end during a call"):
            Settings.model_validate(values)


@pytest.mark.parametrize(
    "changes",
    [
        {"visibility_timeout_s": 14},
        {"result_retention_s": 7 * 86_400 + 1},
        {"session_key": "short"},
        {"session_key": KEY[:-2] + "!="},
        {"threads": 0},
        {"lease_s": float("inf")},
        {"log_level": "LOUD"},
        {"accounts": {}},
        {"unknown": 1},
    ],
)
def test_settings_that_contradict_each_other_or_make_no_sense_are_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"bulk_headroom_per_minute": 500},
        {"bulk_reserve_per_day": 150_000},
        {"connect_timeout_s": 31},
        {"day_reset_timezone": "../../etc/passwd"},
        {"day_reset_timezone": "Nowhere"},
        {"password": ""},
        {"ids_per_call": 0},
        {"calls_per_minute": 0},
        {"read_back": "later"},
        {"read_back": "-1"},
        {"read_back": "nan"},
        {"read_back": "7200"},
    ],
)
def test_accounts_that_contradict_themselves_or_make_no_sense_are_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        account(**changes)


def test_defaults_fit_together() -> None:
    made = settings()
    assert timedelta(seconds=made.key_retention_s) == timedelta(days=7)
    assert timedelta(seconds=made.result_retention_s) == timedelta(days=1)
    assert made.session_key is None


def test_a_fernet_key_is_taken() -> None:
    assert settings(session_key=KEY).session_key == SecretStr(KEY)


def test_a_log_level_may_be_given_in_lower_case() -> None:
    assert settings(log_level="debug").log_level == "DEBUG"


@pytest.mark.parametrize(
    ("read_back", "seconds"),
    [("immediate", 0), ("deferred", 300), ("0", 0), ("2.5", 2.5), (12, 12)],
)
def test_how_long_a_query_lags_is_a_word_or_a_measured_number_of_seconds(
    read_back: str | int, seconds: float
) -> None:
    assert account(read_back=read_back).read_back_lag_s == seconds
