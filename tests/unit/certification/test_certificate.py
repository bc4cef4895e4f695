"""The certificate: what it tells, and what it must never hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certification.certificate import Certificate, Section
from certification.finding import Finding
from certification.page import certificate_page
from certification.redaction import Redactor
from tests.certification.world import World
from worker.soap import RawRecord

PRODUCT = 5001


def certificate(*findings: Finding) -> Certificate:
    section = Section("ids", "How many?", 3, findings, ())
    return Certificate("east", 1_790_000_000.0, "abc", "session", 1, False, (section,))  # noqa: FBT003


def test_a_certificate_survives_json() -> None:
    made = certificate(
        Finding("a", "says", {"x": 1}, {"ids_per_call": "50"}), Finding.unknown("b", "why")
    )
    assert Certificate.of(json.loads(json.dumps(made.document()))) == made
    with pytest.raises(ValueError, match="format 9"):
        Certificate.of({**made.document(), "format": 9})


def test_settings_are_lines_for_the_environment() -> None:
    settings = {"ids_per_call": "50", "session_expired_message": "log on again.*"}
    assert list(certificate(Finding("a", "says", 1, settings)).env_lines()) == [
        "REVIO_ACCOUNTS__EAST__IDS_PER_CALL=50",
        "REVIO_ACCOUNTS__EAST__SESSION_EXPIRED_MESSAGE='log on again.*'",
    ]


def test_what_is_unknown_is_told_with_its_reason_on_the_page_too() -> None:
    made = certificate(Finding.unknown("read_back", "no <b>product</b> was named"))
    assert made.unknown == {"read_back": "no <b>product</b> was named"}
    page = certificate_page(made)
    assert "no &lt;b&gt;product&lt;/b&gt; was named" in page
    assert "Certificate of account east" in page


def test_the_vendors_words_are_told_without_secrets_and_customers_data() -> None:
    redactor = Redactor(["p&ss", None])
    redactor.add_secret("session-key")
    redactor.add_record(RawRecord({"Description": "Seat of Jane Doe", "Status": "ACTIVE"}))
    text = "ACTIVE 5001: 'Seat of Jane Doe' costs 1,234.50 for p&amp;ss p&ss\nsession-key 12"
    assert redactor.words(text) == "ACTIVE #: '[data]' costs # for [secret] [secret] [secret] 12"
    assert redactor.code("S2005") == "S2005"
    assert redactor.code("p&ss") == "[secret]"


def test_a_vendor_that_echoes_everything_finds_nothing_of_it_in_a_certificate(
    tmp_path: Path,
) -> None:
    world = World(
        (
            "--calls-per-minute=0",
            "--fault=debug-echo:0.3:CustomerProducts_Update",
            "--expired-session-message=sandbox-user of sandbox-client: Jane Doe, 5551234567",
        )
    )
    world.vendor.service.products.edit(PRODUCT, {"Status": "ACTIVE", "Description": "Jane Doe"})
    made = world.certify(tmp_path / "journal", [PRODUCT])
    text = json.dumps(made.document()) + certificate_page(made)
    account = world.options.account
    keys = world.vendor.service.sessions.made
    hidden = (account.password, account.subscription_key, account.username, account.client_code)
    assert keys
    for secret in (*hidden, *keys, "Jane Doe", "5551234567"):
        assert secret not in text
