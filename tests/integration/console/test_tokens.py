"""Four-eyes by identity: a name counts once it is proved by the console or by a token from it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from campaigns import Campaigns, Person, RunRequest
from campaigns.approval import signed
from campaigns.errors import NotAllowedError
from campaigns.plan.plan_file import Header, Plan, keep, new_plan, open_plan
from campaigns.plan.review import Review
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.signing import SigningKey, Word
from campaigns.store import Approval
from campaigns.store.signers import Signers
from cli.campaign.review_tables import PlanStanding
from console.parts import Console
from console.security.identity import parse_grants
from tests.integration.console.visitor import (
    PASSWORD,
    Visitor,
    console_of,
    settings_of,
    value_of,
)

ROW = PlannedRow(
    RowClass.CHANGE, 2, 5001, {"rate": "19.50"}, {"rate": "20.00"}, seen={"rate": "19.50"}
)


@pytest.fixture
def console(redis_url: str, tmp_path: Path) -> Console:
    made = console_of(settings_of(tmp_path, redis_url, campaign_four_eyes=True))
    made.users.add("both", PASSWORD, parse_grants(["default:planner", "default:approver"]))
    Signers(made.redis).add_console(made.key)
    return made


@pytest.fixture
def plan(console: Console, tmp_path: Path) -> Plan:
    terms = console.campaigns("default").campaigns.terms
    path = tmp_path / "june.plan"
    header = Header("june", "default", terms.vendor, "planner", "2026-06-01T00:00:00+00:00")
    with new_plan(path, header) as writer:
        writer.add(ROW)
        keep(path, writer)
    return open_plan(path)


def token_of(console: Console, name: str) -> SigningKey:
    visitor = Visitor.of(console)
    visitor.sign_in(name)
    page = visitor.post("/tokens", {"note": "my laptop", "days": "30", "once": _once(visitor)}).text
    [token] = re.findall(r"revio-token:[\w@.+-]+:[\w=-]+", page)
    assert token not in visitor.get("/tokens").text
    return SigningKey.parse(token)


def _once(visitor: Visitor) -> str:
    return value_of(visitor.get("/tokens").text, "once")


@pytest.fixture
def campaigns(console: Console) -> Callable[[SigningKey | None], Campaigns]:
    """As the command line has them: with a token, or with a name alone."""

    def made(key: SigningKey | None) -> Campaigns:
        ours = console.campaigns("default").campaigns
        return Campaigns(ours.terms, console.jobs, console.redis, key=key)

    return made


def author(console: Console, plan: Plan, key: SigningKey, name: str = "planner") -> None:
    said = Approval(plan.digest, name, time.time(), "")
    console.campaigns("default").campaigns.store.plans.note_author(
        signed("plan", "default", said, key)
    )


def test_two_tokens_of_two_people_are_four_eyes(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    author(console, plan, token_of(console, "planner"))
    approving = campaigns(token_of(console, "approver"))
    approving.approve(plan, Person("approver", "agreed"))
    assert approving.apply(plan, RunRequest("planner"))


def test_a_name_on_the_command_line_proves_nobody(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    with pytest.raises(NotAllowedError, match="proof of who made this plan"):
        campaigns(console.key).approve(plan, Person("approver", "agreed"))
    author(console, plan, console.key)
    with pytest.raises(NotAllowedError, match="proof of who approves"):
        campaigns(None).approve(plan, Person("approver", "agreed"))


def test_nobody_approves_their_own_plan_under_another_name(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    key = token_of(console, "both")
    author(console, plan, key, "both")
    with pytest.raises(NotAllowedError, match="somebody else must approve"):
        campaigns(key).approve(plan, Person("both", "agreed"))
    with pytest.raises(NotAllowedError, match="somebody else must approve"):
        campaigns(console.key).approve(plan, Person("Both", "agreed"))
    with pytest.raises(NotAllowedError, match="cannot speak for approver"):
        campaigns(key).approve(plan, Person("approver", "agreed"))


def test_a_token_proves_only_what_its_owner_might_do(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    author(console, plan, console.key, "both")
    with pytest.raises(NotAllowedError, match="may not approve"):
        campaigns(token_of(console, "planner")).approve(plan, Person("planner", "agreed"))


def test_an_approval_by_the_author_that_four_eyes_found_waits_for_another(
    redis_url: str, tmp_path: Path, console: Console, plan: Plan
) -> None:
    author(console, plan, console.key, "both")
    store = console.campaigns("default").campaigns.store
    said = Approval(plan.digest, "both", time.time(), "fine")
    approval = signed("approve", "default", said, console.key)
    assert store.plans.approve("june", plan.run, approval) is None
    for four_eyes, why in ((True, "somebody else must approve it"), (False, "")):
        settings = settings_of(tmp_path, redis_url, campaign_four_eyes=four_eyes)
        ours = Console.of(settings).campaigns("default").campaigns
        assert ours.why_not_counted(plan.digest, "both", approval).endswith(why)
        assert bool(ours.why_not_counted(plan.digest, "both", approval)) is four_eyes


def test_a_revoked_token_counts_no_more_and_what_it_signed_does(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    author(console, plan, console.key)
    key = token_of(console, "approver")
    approving = campaigns(key)
    approving.approve(plan, Person("approver", "agreed"))

    visitor = Visitor.of(console)
    visitor.sign_in("approver")
    assert visitor.post(f"/tokens/{key.id}/revoke").headers["location"] == "/tokens"
    assert "revoked at" in visitor.get("/tokens").text
    with pytest.raises(NotAllowedError, match="approver's token was revoked: put another"):
        approving.approve(plan, Person("approver", "agreed"))
    assert approving.apply(plan, RunRequest("planner"))


@pytest.mark.parametrize(("fault", "says"), [("expired", "has expired"), ("lost", "is not known")])
def test_a_clock_that_is_behind_makes_no_old_token_good(
    console: Console, plan: Plan, fault: str, says: str
) -> None:
    author(console, plan, console.key)
    key, signers = token_of(console, "approver"), Signers(console.redis)
    record = signers.get(key.id)
    assert record is not None
    if fault == "expired":
        signers.add(replace(record, since=1.0, until=2000.0))
    else:
        console.redis.delete("revio:console:signers")
    terms = console.campaigns("default").campaigns.terms
    behind = Campaigns(terms, console.jobs, console.redis, lambda: 1000.0, key=key)
    with pytest.raises(NotAllowedError, match=f"approver's token {says}"):
        behind.approve(plan, Person("approver", "agreed"))
    with pytest.raises(NotAllowedError, match=f"approver's token {says}"):
        replace(console.campaigns("default"), _key=key).person(None, "agreed")


def test_a_token_counts_at_once_on_a_machine_whose_clock_is_a_little_behind(
    console: Console, plan: Plan
) -> None:
    author(console, plan, console.key)
    terms, key = console.campaigns("default").campaigns.terms, token_of(console, "approver")
    behind = Campaigns(terms, console.jobs, console.redis, lambda: time.time() - 60, key=key)
    behind.approve(plan, Person("approver", "agreed"))
    assert behind.apply(plan, RunRequest("planner"))


def test_an_approval_that_was_written_into_redis_by_hand_starts_nothing(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    author(console, plan, console.key)
    store = console.campaigns("default").campaigns.store
    campaigns(console.key).approve(plan, Person("approver", "agreed"))
    approval = store.plans.approval(plan.digest)
    assert approval is not None
    for forged in (
        replace(approval, by="operator"),
        replace(approval, signature=""),
        replace(approval, reason="other"),
        replace(approval, signer="nobody"),
    ):
        store.plans.approve("june", plan.run, forged, instead_of=store.plans.approval(plan.digest))
        with pytest.raises(NotAllowedError, match="proof of who approves"):
            campaigns(None).apply(plan, RunRequest("planner"))


def test_a_review_on_the_command_line_says_what_counts(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    ours, store = campaigns(console.key), console.campaigns("default").campaigns.store
    review = Review.of(plan, "", ours.terms.time)

    def standing() -> str:
        found = PlanStanding.of(ours, plan)
        assert {"approved_by", "sent_back_by"} == set(found.document())
        return found.says(review)

    author(console, plan, console.key)
    said = Approval(plan.digest, "planner", time.time(), "fine")
    store.plans.approve("june", plan.run, signed("approve", "default", said, console.key))
    assert "Not approved yet, since an approval that was given does not count" in standing()
    assert "planner has made this plan" in standing()
    assert PlanStanding.of(ours, plan).document()["approved_by"] is None
    ours.approve(plan, Person("approver", "agreed"))
    assert standing().startswith("Approved by approver, ")
    ours.send_back(plan, Person("viewer", "too high"))
    assert standing().startswith("Sent back by viewer, ")
    assert PlanStanding.of(ours, plan).document() == {
        "approved_by": None,
        "sent_back_by": "viewer",
    }


def test_a_review_on_the_command_line_says_what_became_of_the_run(
    console: Console, plan: Plan, campaigns: Callable[[SigningKey | None], Campaigns]
) -> None:
    ours, store = campaigns(console.key), console.campaigns("default").campaigns.store
    review = Review.of(plan, "", ours.terms.time)
    author(console, plan, console.key)
    ours.approve(plan, Person("approver", "agreed"))
    ours.apply(plan, RunRequest("planner"))
    watch = f"Next: revio campaign watch {plan.run}"
    assert PlanStanding.of(ours, plan).says(review).endswith(watch)
    console.redis.delete(store.keys(plan.run).spec)
    assert "is not kept any more" in PlanStanding.of(ours, plan).says(review)


def test_nobody_sees_or_revokes_the_token_of_another(console: Console) -> None:
    key = token_of(console, "approver")
    visitor = Visitor.of(console)
    visitor.sign_in("planner")
    assert key.id not in visitor.get("/tokens").text
    assert visitor.post(f"/tokens/{key.id}/revoke").status_code == 404
    record = Signers(console.redis).get(key.id)
    assert record is not None
    assert record.revoked_at is None


def test_a_reload_makes_no_second_token_and_shows_none(console: Console) -> None:
    visitor = Visitor.of(console)
    visitor.sign_in("planner")
    form = {"note": "my laptop", "days": "30", "once": _once(visitor)}
    assert "revio-token:" in visitor.post("/tokens", form).text
    again = visitor.post("/tokens", form).text
    assert "revio-token:" not in again
    assert "has made its token before" in again
    assert len(Signers(console.redis).of("planner")) == 1
    assert visitor.post("/tokens", {**form, "once": ""}).status_code == 409


@pytest.mark.parametrize("days", ["0", "91", "many", ""])
def test_a_token_does_not_live_for_ever(console: Console, days: str) -> None:
    visitor = Visitor.of(console)
    visitor.sign_in("approver")
    assert visitor.post("/tokens", {"note": "x", "days": days}).status_code == 409


@pytest.mark.parametrize("text", ["", "x", "revio-token:ann:abc", "revio-token::AAAA"])
def test_what_is_not_a_token_is_refused(text: str) -> None:
    with pytest.raises(NotAllowedError, match="not a token"):
        SigningKey.parse(text)


def test_a_key_does_not_show_its_private_half() -> None:
    key = SigningKey("ann", b"s" * 32)
    assert "ssss" not in repr(key)
    word = Word("default", "approve", "d", "ann", 1.0, "r")
    assert SigningKey.parse(key.token).sign(word) == key.sign(word)
