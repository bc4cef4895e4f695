from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.unit.soap.wsdls import PASSWORD, SUBSCRIPTION_KEY, config


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://vendor.example/a.asmx",
        "http://127.0.0.1:8000/a.asmx",
        "http://localhost/a",
        "http://[::1]:9/a",
    ],
)
def test_https_and_loopback_may_be_used(endpoint: str) -> None:
    assert config(endpoint=endpoint).wsdl_location == f"{endpoint}?WSDL"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://vendor.example/a.asmx",
        "http://127.0.0.1.vendor.example/",
        "http://0.0.0.0/",
        "ftp://localhost/",
        "https://user:word@vendor.example/",
        "vendor.example",
        "",
    ],
)
def test_any_other_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint must be https"):
        config(endpoint=endpoint)


def test_all_faults_are_named_at_once_and_no_secret() -> None:
    with pytest.raises(ValueError, match="endpoint") as caught:
        config(
            endpoint="http://vendor.example/",
            wsdl="http://vendor.example/?WSDL",
            subscription_key=SecretStr("two\r\nlines"),
            call_timeout_s=0,
            session_expired_message="(",
        )

    text = str(caught.value)
    for name in ("wsdl", "subscription_key", "call_timeout_s", "session_expired_message"):
        assert name in text
    assert "lines" not in text


def test_a_shown_config_shows_no_secret() -> None:
    assert PASSWORD not in repr(config())
    assert SUBSCRIPTION_KEY not in repr(config())
