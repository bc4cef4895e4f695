"""A run touches only what was named, goes on after its death, and stops where others interfere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certification.catalogue import EXPERIMENTS
from certification.lab import StoppedError
from certification.workbench import NotAsLeftError
from tests.certification.world import Killed, World

PRODUCT = 5001
FLAGS = ("--calls-per-minute=0", "--update-shape=nillable")


@pytest.fixture
def world() -> World:
    """With one plain product, which a run may change."""
    made = World(FLAGS)
    plain = {"Status": "ACTIVE", "Rate": "24.9500", "Quantity": "2", "Description": "Hosted Seat"}
    codes = {"Code1": "HS-100", "Code2": "UC", "Activated_Date": "2024-05-06"}
    made.vendor.service.products.edit(PRODUCT, {**plain, **codes})
    return made


def updated(world: World) -> set[int]:
    products = world.vendor.service.products
    return {id_ for id_ in products.ids() if products[id_].executions}


def interrupted(world: World, journal: Path, calls: int) -> None:
    """A run that dies after so many calls."""
    world.kill_after = calls
    with pytest.raises(Killed):
        world.certify(journal, [PRODUCT])
    world.kill_after = None


def test_no_product_is_updated_that_was_not_named(world: World, tmp_path: Path) -> None:
    world.certify(tmp_path / "journal", [PRODUCT])
    assert updated(world) == {PRODUCT}


def test_a_read_only_run_updates_nothing(world: World, tmp_path: Path) -> None:
    certificate = world.certify(tmp_path / "journal", [PRODUCT], read_only=True)
    assert updated(world) == set()
    assert certificate.findings["ids_taken"].value == 10_000
    assert "read_back" not in certificate.findings


def test_a_run_that_died_is_gone_on_with_and_does_not_ask_again(
    world: World, tmp_path: Path
) -> None:
    truth = world.truth()
    interrupted(world, tmp_path / "journal", 80)
    assert world.truth() != truth
    before = world.received()
    certificate = world.certify(tmp_path / "journal", [PRODUCT])
    assert world.truth() == truth
    assert len(certificate.sections) == len([e for e in EXPERIMENTS if not e.option])
    assert world.received() - before < certificate.calls


def test_a_run_stops_if_somebody_else_has_changed_the_product(world: World, tmp_path: Path) -> None:
    interrupted(world, tmp_path / "journal", 80)
    world.vendor.service.products.edit(PRODUCT, {"Rate": "77.0000"})
    count = len(world.vendor.service.products[PRODUCT].executions)
    with pytest.raises(NotAsLeftError, match="rate is neither as it was nor as it was left"):
        world.certify(tmp_path / "journal", [PRODUCT])
    assert len(world.vendor.service.products[PRODUCT].executions) == count


def test_the_same_is_so_for_a_field_that_no_experiment_writes(world: World, tmp_path: Path) -> None:
    interrupted(world, tmp_path / "journal", 80)
    world.vendor.service.products.edit(PRODUCT, {"Status": "PENDING"})
    with pytest.raises(NotAsLeftError, match="status"):
        world.certify(tmp_path / "journal", [PRODUCT])


def test_a_named_product_that_does_not_exist_stops_the_run_before_anything_is_written(
    world: World, tmp_path: Path
) -> None:
    with pytest.raises(StoppedError, match="product 99 cannot be read"):
        world.certify(tmp_path / "journal", [99])
    assert updated(world) == set()


def test_a_refused_login_is_tried_once(tmp_path: Path) -> None:
    world = World(("--password=another",))
    world.config = World(FLAGS).config
    with pytest.raises(StoppedError):
        world.certify(tmp_path / "journal", [PRODUCT])
    assert world.received() == 1


def test_where_the_wsdl_has_updates_reset_fields_none_is_sent(tmp_path: Path) -> None:
    world = World(("--calls-per-minute=0", "--update-shape=required"))
    certificate = world.certify(tmp_path / "journal", [PRODUCT])
    assert updated(world) == set()
    assert "would also reset" in certificate.unknown["rates"]


def test_an_update_that_empties_what_it_does_not_name_is_told_in_capitals(
    tmp_path: Path,
) -> None:
    world = World((*FLAGS, "--resets=Code2"))
    fields = {"Status": "ACTIVE", "Rate": "5.0000", "Code1": "A", "Code2": "B"}
    world.vendor.service.products.edit(PRODUCT, fields)
    truth = world.truth()
    finding = world.certify(tmp_path / "journal", [PRODUCT]).findings["partial_update"]
    assert finding.says == "DO NOT UPDATE: an update of one field also changes code2"
    assert world.truth() == truth


def test_no_session_is_left_at_the_vendor(world: World, tmp_path: Path) -> None:
    world.certify(tmp_path / "journal", [PRODUCT])
    sessions = world.vendor.service.sessions
    assert len(sessions.made) > 1
    assert not any(map(sessions.valid, sessions.made))


def test_every_call_has_a_permit_of_the_account(world: World, tmp_path: Path) -> None:
    world.certify(tmp_path / "journal", [PRODUCT])
    # Beside the calls that the vendor's journal counts there is the WSDL.
    assert world.limiter.usage("default").day_used == world.received() + 1


def test_the_day_of_a_quota_answer_becomes_a_setting(world: World, tmp_path: Path) -> None:
    now = datetime.fromtimestamp(world.clock.now(), UTC)
    hour = (now + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    world.vendor.gateway.end_day_in((hour - now).total_seconds())
    world.vendor.gateway.calls_per_day = 1000
    world.vendor.gateway.consume(995)
    world.patience_s = 7200.0
    certificate = world.certify(tmp_path / "journal", [PRODUCT], read_only=True)
    assert certificate.settings["day_reset_hour"] == str(hour.hour)
    assert certificate.findings["limit_day"].value["retry_after"] == "seconds"
