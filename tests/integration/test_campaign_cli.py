"""`revio campaign` against a real system: bad input, wrong approvals, and the smaller commands."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import openpyxl
import pytest

from campaigns import Campaigns, Person, PlanRequest, Rules, RunRequest
from campaigns.rules.rounding import Rounding
from cli.connection import redis_of
from cli.dev import Stack, local_stack
from cli.exit_code import ExitCode
from revio_jobs import RevioJobs
from revio_jobs.celery_app import producer_app
from settings import load
from tests.integration.past_campaigns import forget_campaigns
from tests.patience import PATIENCE_S, wait_until
from worker.wiring.terms import campaign_terms

Revio = Callable[..., Any]

A, B = "REVIO_ACCOUNTS__DEFAULT__", "REVIO_ACCOUNTS__OTHER__"
RATES = "id,rate\n5001,20.48\n5002,26.20\n"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        sandbox={"customers": 400, "calls_per_minute": 0},
        environment={f"{A}CALLS_PER_MINUTE": "60000"},
        flower=True,
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_new(stack: Stack) -> None:
    forget_campaigns(stack)


@pytest.fixture
def campaign(stack: Stack, revio: Revio) -> Revio:
    """`revio campaign … --json` as an operator of the stack."""

    def run(*arguments: str, as_json: bool = True, **env: str) -> Any:
        more = ["--json"] if as_json else []
        return revio("campaign", *arguments, *more, env={**stack.environment, **env})

    return run


@pytest.fixture
def approved(campaign: Revio, tmp_path: Path) -> Revio:
    """Makes an approved plan of a price list, and gives its run's name."""

    def made(content: str, name: str = "june", *more: str) -> str:
        (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
        planned = campaign("plan", f"{name}.csv", "-o", f"{name}.plan", "--by", "ann", *more)
        assert planned.code == 2, planned.out
        assert campaign("approve", f"{name}.plan", "--reason", "agreed").code == ExitCode.OK
        return str(planned.document["run"])

    return made


def follow(campaign: Revio, run: str, within_s: float = PATIENCE_S) -> Any:
    result = campaign("watch", run, "--timeout", str(within_s))
    assert result.document["ended"], result.out
    return result.document


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"name,price\nx,1\n", "no column is called id"),
        (b"id,note\n5001,x\n", "no column says what to change"),
        (b"id,rate\n", "no rows"),
        (b"id,rate\n5001," + b"1" * 5_000_000, "line 2: a cell is too long"),
        (b"\x89PNG\0\0", "a picture"),
    ],
)
def test_input_that_cannot_be_planned_is_told_and_no_plan_is_written(
    stack: Stack, campaign: Revio, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    result = campaign("plan", "in.csv", "-o", "out.plan")
    assert result.code == 1
    assert told in result.document["error"]["message"]
    assert told in result.err
    assert not (tmp_path / "out.plan").exists()
    assert stack.sandbox.calls()["received"] == 0


def test_a_file_that_is_not_there_is_told(campaign: Revio) -> None:
    result = campaign("plan", "nowhere.csv", "-o", "out.plan")
    assert (result.code, "no file nowhere.csv" in result.err) == (1, True)


def test_what_the_vendors_schema_cannot_empty_is_a_problem_of_the_plan(
    campaign: Revio, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("id,rate,code1\n5001,20.48,\n5002,26.20,(clear)\n")
    result = campaign("plan", "in.csv", "-o", "out.plan", as_json=False)
    assert result.code == 1
    assert "the vendor's schema cannot empty code1" in result.out + result.err


def test_an_undo_of_which_nothing_can_be_said_to_the_vendor_is_not_a_plan(
    campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    run = approved("id,code1\n5008,NEW\n", "first")  # it had none
    assert campaign("apply", "first.plan").code == ExitCode.OK
    follow(campaign, run)
    result = campaign("undo", run, "-o", "back.plan", "--reason", "x", as_json=False)
    assert result.code == 1
    assert "the vendor's schema cannot empty code1" in result.out + result.err
    assert not (tmp_path / "back.plan").exists()


def test_an_undo_names_the_rows_that_it_must_leave_out_as_a_whole(
    stack: Stack, campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    run = approved("id,rate,code1\n5001,20.48,\n5008,91,NEW\n", "both")  # 5008 had no code1
    assert campaign("apply", "both.plan").code == ExitCode.OK
    follow(campaign, run)
    order = ["undo", run, "-o", "back.plan", "--reason", "x", "--left", "left.csv"]
    result = campaign(*order)
    assert (result.code, result.document["rows"]) == (2, {"change": 1, "problem": 1})
    says = "nothing of it is taken back: the vendor's schema cannot empty code1"
    assert result.document["left"]["not_undone"] == 1
    assert result.document["not_undone"] == [[5008, says]]
    assert f"5008,{stack.sandbox.products([5008])[5008]['Customer_ID']},not_undone,{says}" in (
        (tmp_path / "left.csv").read_text()
    )
    assert says in campaign(*order, as_json=False).out


def test_planning_tells_a_terminal_how_far_it_is_and_a_program_nothing(
    campaign: Revio, tmp_path: Path, as_terminal: Callable[[], None]
) -> None:
    (tmp_path / "in.csv").write_text(RATES, encoding="utf-8")
    order = ["plan", "in.csv", "-o", "out.plan"]
    unseen = campaign(*order, as_json=False)
    assert not unseen.err
    as_terminal()
    seen = campaign(*order, as_json=False)
    assert "reading current values: 2 rows so far" in seen.err
    assert _timeless(seen.out) == _timeless(unseen.out)
    assert not campaign(*order).err


def _timeless(said: str) -> str:
    return re.sub(r"done .* UTC", "", said)


def test_a_plan_changed_by_one_byte_is_good_for_nothing(
    stack: Stack, campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    approved(RATES)
    path = tmp_path / "june.plan"
    path.write_bytes(path.read_bytes().replace(b"20.48", b"20.49"))
    for command in (["review"], ["approve", "--reason", "x"], ["apply"]):
        result = campaign(command[0], "june.plan", *command[1:])
        assert result.code == ExitCode.INVALID
        assert "changed after it was made" in result.err
    assert not stack.sandbox.updates()


def test_an_approval_is_good_for_its_own_plan_alone(
    stack: Stack, campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    approved(RATES)
    assert "june.plan has no run yet" in campaign("watch", "june.plan").err
    (tmp_path / "june.csv").write_text(RATES.replace("20.48", "20.49"))
    assert campaign("plan", "june.csv", "-o", "june.plan").code == 2
    result = campaign("apply", "june.plan")
    assert result.code == ExitCode.INVALID
    assert "another version of plan june was approved" in result.err
    assert not stack.sandbox.updates()


def test_listed_products_are_left_out_of_a_new_plan(
    campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    run = approved(RATES)
    (tmp_path / "doubt.csv").write_text("id,why\n5002,unclear\n")
    reduced = campaign("leave-out", "june.plan", "--ids", "doubt.csv", "-o", "june-2.plan")
    assert reduced.code == 2
    assert reduced.document["rows"]["left out"] == 1
    assert reduced.document["run"] != run
    assert campaign("apply", "june-2.plan").code == ExitCode.INVALID
    said = campaign("leave-out", "june.plan", "-o", "none.plan")
    assert (said.code, "--ids" in said.err) == (ExitCode.FAILED, True)
    assert campaign("apply", "june.plan", "--start", "2099-06-01T22:00").code == ExitCode.OK
    said = campaign("leave-out", "june.plan", "--id", "5002", "-o", "late.plan")
    assert "has begun: its rows cannot be left out any more" in said.err


def test_a_plan_of_another_account_or_vendor_is_not_applied(
    stack: Stack, campaign: Revio, approved: Revio
) -> None:
    approved(RATES)
    other = {name.replace(A, B): value for name, value in stack.environment.items() if A in name}
    result = campaign("apply", "june.plan", "--account", "other", **other)
    assert "the plan is for account default, not for other" in result.err
    for command in (["approve", "--reason", "x"], ["apply"]):
        production = {f"{A}CLIENT_CODE": "production"}
        result = campaign(command[0], "june.plan", *command[1:], **production)
        assert result.code == ExitCode.INVALID
        assert "another Rev.io address or client code" in result.err
    assert not stack.sandbox.updates()


def test_formulas_in_the_input_are_harmless_in_what_we_write_and_survive_it(
    stack: Stack, campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    lines = 'id,description,note\n5001,\'=1+1,"=HYPERLINK(""http://x"")"\n5002,Seat,@SUM(A1)\n'
    run = approved(lines)
    assert campaign("apply", "june.plan").code == ExitCode.OK
    assert follow(campaign, run)["status"] == "done"
    assert stack.sandbox.products([5001])[5001]["Description"] == "=1+1"
    assert campaign("report", run, "-o", "out").code == ExitCode.OK
    written = (tmp_path / "out" / "succeeded.csv").read_text()
    assert "5001,'=1+1,\"'=HYPERLINK" in written
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<script") == 1
    assert "columns used" in page
    sheet = openpyxl.load_workbook(tmp_path / "out" / "report.xlsx")["read as"]
    assert ("columns used", "id, description") in list(sheet.iter_rows(values_only=True))
    again = campaign("plan", "out/succeeded.csv", "-o", "again.plan")
    assert (again.code, again.document["rows"]) == (0, {"same": 2})


def test_rules_alone_make_a_campaign(stack: Stack, campaign: Revio) -> None:
    arguments = ["--customer", "1001,1002,1003,1004", "--where", "status=ACTIVE and rate>0"]
    result = campaign("plan", *arguments, "--set", "rate=rate*1.05", "-o", "r.plan")
    assert result.code == 2
    assert result.document["rows"]["change"] > 3
    assert campaign("approve", "r.plan", "--reason", "x").code == ExitCode.OK
    assert campaign("apply", "r.plan").code == ExitCode.OK
    assert follow(campaign, result.document["run"])["counts"] == {
        "applied": result.document["rows"]["change"]
    }
    undo = campaign("undo", result.document["run"], "-o", "u.plan", "--reason", "y").document
    assert undo["rows"]["change"] == result.document["rows"]["change"]


def test_the_calls_are_the_fewest_that_a_campaign_can_do_with(
    stack: Stack, campaign: Revio, approved: Revio
) -> None:
    usable = [
        one for one, product in stack.sandbox.products().items() if product["Status"] == "ACTIVE"
    ]
    rows = "".join(f"{one},9.99\n" for one in usable[:500])
    rails = ["--override", "change=x", "--override", "below_cost=x", "--override", "revenue=x"]
    skip = ["--skip-problems"]
    run = approved("id,rate\n" + rows, "calls", *rails, *skip)
    changes = campaign("review", "calls.plan").document["rows"]["change"]
    planned = stack.sandbox.calls()["received"]
    assert planned <= 3 + 1
    assert campaign("apply", "calls.plan").code == ExitCode.OK
    follow(campaign, run)
    spent = stack.sandbox.calls()["received"] - planned
    least = changes + 2 * -(-changes // 200)
    assert least <= spent <= least + 3


def test_a_run_is_a_task_in_flower_and_so_are_its_jobs(
    stack: Stack, campaign: Revio, approved: Revio
) -> None:
    run = approved(RATES, "shown")
    assert campaign("apply", "shown.plan").code == ExitCode.OK
    follow(campaign, run)

    def tasks() -> dict[str, Any]:
        with build_opener(ProxyHandler({})).open(f"{stack.flower_url}/api/tasks") as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    deadline = time.monotonic() + PATIENCE_S
    while tasks().get(run, {}).get("state") != "SUCCESS":
        assert time.monotonic() < deadline, tasks().get(run)
        time.sleep(0.2)
    assert "done 2/2 applied=2" in tasks()[run]["result"]
    jobs = [task for task in tasks().values() if f"campaign={run}" in (task["args"] or "")]
    assert len(jobs) == 2
    with producer_app(stack.redis.url) as app:
        state: Any = app.AsyncResult(run)
        assert state.result["applied"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["pause", "nobody", "--reason", "x"], 2, "no run is called nobody"),
        (["set", "nobody", "rate=1", "--reason", "x"], 2, "no run is called nobody"),
        (["watch", "nobody"], 2, "no run is called nobody"),
        (["plan", ".", "-o", "x.plan"], 1, ". is a directory"),
        (["plan", "in.csv", "-o", "nowhere/x.plan"], 1, "nowhere/.x.plan.draft: No such file"),
        (["plan", "in.csv", "-o", "in.csv"], 1, "in.csv exists and is not a plan"),
        (["plan", "in.csv", "-o", "x.plan", "--problems", "in.csv"], 1, "would write over"),
        (["plan", "in.plan", "-o", "x.plan"], 1, "in.plan is a plan already"),
        (["review", "nothing.plan"], 2, "cannot be read"),
        (["plan", "--customer", "1"], 1, "'-o'"),
        (["plan", "-o", "x.plan", "--customer", "x", "--set", "rate=1"], 1, "not a number"),
        (["plan", "-o", "x.plan", "--set", "rate=1"], 1, "give a file, or --customer"),
        (["plan", "-o", "x.plan", "--customer", "1001", "--set", "rat=1"], 1, "FIELD=EXPRESSION"),
        (["plan", "-o", "x.plan", "--customer", "1001", "--set", "rate=rat"], 1, "no field 'rat'"),
        (["plan", "-o", "x.plan", "--customer", "1", "--set", "rate=1", "--rail", "x=y"], 1, "x=y"),
        (["plan", "-o", "x.plan", "--customer", "1", "--round", "0", "up"], 1, "is not an amount"),
    ],
)
def test_wrong_orders_are_told(
    stack: Stack, campaign: Revio, arguments: list[str], code: int, told: str
) -> None:
    Path("in.csv").write_text(RATES, encoding="utf-8")
    Path("in.plan").write_text('{"revio_plan":1}\n', encoding="utf-8")
    result = campaign(*arguments)
    assert result.code == code, result
    assert told in result.err
    assert not stack.sandbox.updates()
    assert Path("in.csv").read_text(encoding="utf-8") == RATES


@pytest.mark.parametrize(
    "arguments",
    [
        ["campaign", "plan"],
        ["campaign", "plann", "-o", "x.plan"],
        ["campaign", "--account", "other", "plan", "-o", "x.plan"],
        ["--json", "campaign", "plan", "-o", "x.plan"],
        ["campaign", "plan", "a.csv", "b.csv", "-o", "x.plan"],
        ["campaign", "plan", "a.csv", "-o"],
        ["campaign", "plan", "a.csv", "-o", "x.plan", "--round", "0.01"],
        ["campaign", "plan", "a.csv", "-o", "x.plan", "--effective", "soon"],
        ["campaign", "plan", "a.csv", "-o", "x.plan", "--override", "change"],
        ["campaign", "plan", "a.csv", "-o", "x.plan", "--account", "nobody"],
        ["campaign", "retry", "x", "--only", "all", "-o", "x.plan"],
        ["campaign", "undo", "x", "-o", "x.plan"],
    ],
)
def test_no_wrong_usage_looks_like_a_plan_with_changes(
    stack: Stack, revio: Revio, arguments: list[str]
) -> None:
    result = revio(*arguments, env=stack.environment)
    assert (result.code, result.out) == (1, "")
    assert "revio: " in result.err


def test_wrong_settings_never_look_like_a_plan_with_changes(revio: Revio) -> None:
    result = revio("campaign", "plan", "--customer", "1", "--set", "rate=1", "-o", "x", env={})
    assert result.code == 1
    assert "at least one account must be set" in result.err


def test_a_run_that_goes_on_is_not_undone(campaign: Revio, approved: Revio) -> None:
    run = approved("id,rate\n5001,20.01\n", "on")
    assert campaign("apply", "on.plan", "--start", "2099-01-01T00:00").code == ExitCode.OK
    result = campaign("undo", run, "-o", "u.plan", "--reason", "x")
    assert (result.code, "pause or cancel it first" in result.err) == (1, True)
    wait_until(lambda: waits(campaign, run) == "its time begins at 2099-01-01 00:00 UTC")
    assert campaign("cancel", run, "--reason", "x").code == ExitCode.OK
    assert follow(campaign, run)["status"] == "cancelled"


def waits(campaign: Revio, run: str) -> str:
    """Why nothing is sent."""
    return str(campaign("watch", run, "--once").document["waits"])


def is_at_rest(stack: Stack) -> bool:
    """Whether no call has come for a while."""
    calls = stack.sandbox.calls()["received"]
    time.sleep(1.5)
    return bool(stack.sandbox.calls()["received"] == calls)


@contextmanager
def paused(stack: Stack, revio: Revio, reason: str) -> Iterator[None]:
    """The bulk lane, which the tests that follow find open again."""
    lane = ["--lane", "bulk"]
    result = revio("lane", "pause", *lane, "--reason", reason, env=stack.environment)
    assert result.code == ExitCode.OK
    try:
        yield
    finally:
        assert revio("lane", "resume", *lane, env=stack.environment).code == ExitCode.OK


def test_a_paused_lane_holds_a_campaign_and_watch_says_who_paused_it(
    stack: Stack, revio: Revio, campaign: Revio, approved: Revio
) -> None:
    run = approved(RATES, "held")
    with paused(stack, revio, "wrong list"):
        assert campaign("apply", "held.plan").code == ExitCode.OK
        wait_until(lambda: "the bulk lane is paused by" in waits(campaign, run))
        assert waits(campaign, run).endswith(": wrong list")
        assert not stack.sandbox.updates()
    assert follow(campaign, run)["counts"] == {"applied": 2}


def test_a_lane_paused_in_mid_run_lets_nothing_more_reach_the_vendor(
    stack: Stack, revio: Revio, campaign: Revio, approved: Revio
) -> None:
    usable = [
        one for one, product in stack.sandbox.products().items() if product["Status"] == "ACTIVE"
    ]
    lines = "".join(f"{one},,mid-run\n" for one in usable[:80])
    run = approved(f"id,rate,code2\n{lines}", "mid")
    assert campaign("apply", "mid.plan", "--rate", "300").code == ExitCode.OK
    wait_until(lambda: len(stack.sandbox.updates()) >= 5)
    with paused(stack, revio, "month end"):
        wait_until(lambda: "month end" in campaign("watch", run, "--once", as_json=False).out)
        wait_until(partial(is_at_rest, stack))
        assert len(stack.sandbox.updates()) < 80
    assert campaign("set", run, "rate=none", "--reason", "it was seen").code == ExitCode.OK
    assert follow(campaign, run)["counts"] == {"applied": 80}
    assert all(len(executions) == 1 for executions in stack.sandbox.updates().values())


def test_an_undo_lists_what_was_edited_and_billed_since_and_a_retry_what_it_can_take(
    stack: Stack, campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    run = approved("id,rate\n5001,20.48\n5002,26.20\n5008,91\n", "back")
    assert campaign("apply", "back.plan").code == ExitCode.OK
    follow(campaign, run)
    stack.sandbox.edit(5001, Rate="1.2300")
    stack.sandbox.edit(5002, Billed_Through_Date="2026-06-30")
    order = ["undo", run, "-o", "u.plan", "--reason", "x", "--left", "left.csv"]
    result = campaign(*order, as_json=False)
    assert result.code == 2
    for told in ("edited since, left alone (1)", "rate=1.2300", "billed in between"):
        assert told in result.out
    assert len((tmp_path / "left.csv").read_text().splitlines()) == 3
    nothing = campaign("retry", run, "-o", "r.plan", as_json=False)
    assert nothing.code == 0
    assert "No row is transient; --only takes transient, failed, unprocessed" in nothing.out


def test_what_has_ended_cannot_be_paused(campaign: Revio, approved: Revio) -> None:
    run = approved("id,rate\n5004,3.15\n", "over")
    assert campaign("apply", "over.plan").code == ExitCode.OK
    follow(campaign, run)
    assert "needs a reason" in campaign("pause", run, "--reason", " ").err
    # As a script gives it whose variable is not set: it is the beginning of every run's name.
    assert "name the run" in campaign("cancel", "", "--reason", "x").err
    result = campaign("pause", run, "--reason", "too late")
    assert (result.code, f"run {run} is done: it cannot pause now" in result.err) == (2, True)


def test_people_get_words_and_plain_lines_without_a_terminal(
    campaign: Revio, approved: Revio
) -> None:
    crossed = ["--override", "change=as agreed", "--override", "revenue=as agreed"]
    run = approved("id,rate\n5001,29.50\n", "words", *crossed)
    shown = campaign("review", "words.plan", as_json=False)
    assert "largest moves" in shown.out
    assert "guard rail change speaks of 1 row" in shown.out
    assert "Approved by" in shown.out
    assert "begins" in campaign("apply", "words.plan", as_json=False).out
    watched = campaign("watch", run, as_json=False)
    assert watched.code == ExitCode.OK
    assert f"{run} done 1/1" in watched.out
    assert "\x1b" not in watched.out
    assert run in campaign("list", as_json=False).out
    assert "agreed" in campaign("explain", "5001", as_json=False).out


def test_a_program_does_the_same_in_python(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.environ", {**os.environ, **stack.environment})
    monkeypatch.chdir(tmp_path)
    settings = load()
    with RevioJobs.connect(stack.redis.url) as jobs, redis_of(settings) as redis:
        campaigns = Campaigns(campaign_terms(settings, "default"), jobs, redis)
        rules = Rules.parse("status = ACTIVE", ["rate=rate+1"], Rounding())
        request = PlanRequest("api", "ann", rules, customers=[1004], overrides={"change": "test"})
        plan = campaigns.plan(tmp_path / "api.plan", request).plan
        assert plan
        campaigns.approve(plan, Person("bob", "as agreed"))
        assert campaigns.apply(plan, RunRequest("ann"))
        wait_until(lambda: campaigns.view(plan.run).has_ended)
        results = list(campaigns.results(plan.run))
        assert {answer.outcome for answer in results} == {"applied"}
        assert [entry.by for entry in campaigns.audit(plan.run)] == [
            "bob",
            "ann",
            "the feeder",
        ]


def test_products_become_a_list_and_the_list_a_plan(
    stack: Stack, campaign: Revio, tmp_path: Path
) -> None:
    (tmp_path / "customers.csv").write_text("customer_id\n1001\n1002\n")
    whose = ["--customers", "customers.csv", "--line", "30001"]
    result = campaign("export", *whose, "--customer", "999999", "-o", "now.xlsx")
    assert (result.code, result.document["without_products"]["customer"]) == (0, [999999])
    assert result.document["calls_spent"] == 2
    assert campaign("plan", "now.xlsx", "-o", "now.plan").code == 0
    book = openpyxl.load_workbook(tmp_path / "now.xlsx")
    first = next(book.active.iter_rows(min_row=2))
    first[1].value = float(first[1].value) + 0.5
    book.save(tmp_path / "now.xlsx")
    planned = campaign("plan", "now.xlsx", "-o", "now.plan")
    assert (planned.code, planned.document["rows"]["change"]) == (2, 1)
    shown = campaign("export", *whose, "-o", "now.csv", as_json=False)
    assert "revio campaign plan now.csv" in shown.out
    assert "somebody's edits" in campaign("export", *whose, "-o", "now.csv").err
    assert campaign("export", "-o", "other.csv").code == ExitCode.INVALID


def test_rules_take_customers_and_lines_from_files(
    stack: Stack, campaign: Revio, tmp_path: Path
) -> None:
    (tmp_path / "customers.txt").write_text("1001\n1002\n888888\n")
    (tmp_path / "lines.csv").write_text("Line\n30001\n")
    rule = ["--where", "status=ACTIVE and rate>0", "--set", "rate=rate*1.05", "-o", "r.plan"]
    result = campaign("plan", "--customers", "customers.txt", "--lines", "lines.csv", *rule)
    assert result.code == 2
    assert result.document["without_products"] == {"customer": {"count": 1, "first": [888888]}}
    again = campaign("review", "r.plan", as_json=False)
    assert "1 customer has no products: 888888" in again.out
    refused = campaign("plan", "customers.txt", "--customer", "1001", *rule)
    assert (refused.code, "not both" in refused.err) == (1, True)


def test_the_same_intent_twice_is_stopped_with_run_time_and_rule(
    campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    run = approved(RATES, "first")
    assert campaign("apply", "first.plan").code == ExitCode.OK
    assert follow(campaign, run)["status"] == "done"
    (tmp_path / "ids.csv").write_text("id\n5001\n5002\n")
    rule = ["ids.csv", "--set", "rate=rate*1.05"]
    stopped = campaign("plan", *rule, "-o", "second.plan", as_json=False)
    assert stopped.code == 1
    assert "2 rows: stopped by the guard rail repeat" in stopped.out
    changed = rf"run {run} changed it at 20[-0-9]{{8}} [:0-9]{{5}} UTC by first.csv"
    assert re.search(changed, stopped.out)
    crossed = campaign("plan", *rule, "-o", "second.plan", "--override", "repeat=second step")
    assert (crossed.code, crossed.document["says"]) == (2, {"repeat": 2})
    # What a run changed is no reason against taking it back.
    undo = campaign("undo", run, "-o", "undo.plan", "--reason", "x")
    assert (undo.document["rows"], undo.document["says"]) == ({"change": 2}, {})
    assert campaign("approve", "undo.plan", "--reason", "wrong list").code == ExitCode.OK
    later = ["--start", "2099-01-01T00:00"]
    assert campaign("apply", "undo.plan", *later).code == ExitCode.OK
    taken = undo.document["run"]
    assert campaign("cancel", taken, "--reason", "not yet").code == ExitCode.OK
    follow(campaign, taken)
    # Nor is what it changed one against a retry of the undo, and a retry of that one.
    again = campaign("retry", taken, "--only", "unprocessed", "-o", "again.plan")
    assert (again.document["rows"], again.document["says"]) == ({"change": 2}, {})
    assert campaign("approve", "again.plan", "--reason", "now").code == ExitCode.OK
    assert campaign("apply", "again.plan").code == ExitCode.OK
    assert follow(campaign, again.document["run"])["counts"] == {"applied": 2}
    # What was taken back is as if it had never been.
    right = campaign("plan", *rule, "-o", "right.plan")
    assert (right.code, right.document["says"]) == (2, {})


def test_a_cancelled_run_says_how_to_go_on_and_its_rows_are_free_then(
    stack: Stack, campaign: Revio, approved: Revio
) -> None:
    run = approved(RATES, "later")
    assert campaign("apply", "later.plan", "--start", "2099-01-01T00:00").code == ExitCode.OK
    again = ["plan", "later.csv", "-o", "again.plan"]
    stopped = campaign(*again, as_json=False)
    assert f"run {run} (running) is to change it by later.csv" in stopped.out
    assert campaign("pause", run, "--reason", "wrong day?").code == ExitCode.OK
    resumed = campaign("resume", run, "--reason", "no", as_json=False)
    assert "resumed: it was paused: wrong day?" in resumed.out
    result = campaign("cancel", run, "--reason", "wrong day", as_json=False)
    assert f"revio campaign retry {run} --only unprocessed -o NEW.plan" in result.out
    follow(campaign, run)
    assert campaign(*again).code == 2
    retried = campaign("retry", run, "--only", "unprocessed", "-o", "retry.plan")
    assert (retried.code, retried.document["rows"]) == (2, {"change": 2})
    stack.sandbox.edit(5001, Rate="200.0000")
    faulty = campaign("retry", run, "--only", "unprocessed", "-o", "retry.plan", as_json=False)
    assert (faulty.code, f"revio campaign report {run} -o DIR" in faulty.out) == (1, True)
    campaign("report", run, "-o", "of-run")
    listed = ["plan", "of-run/unprocessed.csv", "-o", "others.plan"]
    assert campaign(*listed, "--skip-problems").document["rows"]["change"] == 1


def test_the_effective_date_steers_the_start_and_a_retry_keeps_it(
    campaign: Revio, approved: Revio
) -> None:
    zone = {f"{A}BUSINESS_TIMEZONE": "America/New_York"}
    run = approved(RATES, "steered", "--effective", "2098-03-01")
    assert "2098-03-01 00:00 UTC" in campaign("review", "steered.plan", as_json=False).out
    begun = campaign("apply", "steered.plan", as_json=False, **zone)
    assert "begins at 2098-03-01 00:00 EST (05:00 UTC)" in begun.out
    moved = campaign("set", run, "start=2098-03-02T08:00", "--reason", "later", **zone)
    eighth_hour = datetime(2098, 3, 2, 13, tzinfo=UTC)
    assert moved.document["start_at"] == eighth_hour.timestamp()
    assert campaign("set", run, "start=2020-01-01T08:00", "--reason", "x").code == ExitCode.INVALID
    half = campaign("set", run, "priority=high", "start=soon", "--reason", "x")
    assert (half.code, "'soon' is not a time" in half.err) == (ExitCode.INVALID, True)
    assert campaign("watch", run, "--once").document["weight"] == 2
    assert campaign("cancel", run, "--reason", "x").code == ExitCode.OK
    follow(campaign, run)
    campaign("retry", run, "--only", "unprocessed", "-o", "again.plan")
    assert campaign("review", "again.plan").document["effective"] == "2098-03-01"


def test_a_second_apply_with_other_options_changes_nothing_and_says_what_holds(
    campaign: Revio, approved: Revio
) -> None:
    run = approved(RATES, "held")
    order = ["apply", "held.plan", "--start", "2099-01-01T00:00", "--rate", "300"]
    assert campaign(*order, "--canary", "1,rest").document["began"]
    for same in (order, ["apply", "held.plan"], [*order, "--canary", "1,rest"]):
        assert campaign(*same).document["began"] is False
    result = campaign(*order, "--canary", "2,rest", "--priority", "high", "--halt-errors", "1")
    assert result.code == ExitCode.INVALID
    assert (
        "has begun before, with stages that end at 1, halts at 5 % errors, 10 % drift (after 50 "
        "rows), 0 differences, priority normal: nothing was changed" in result.err
    )
    assert campaign("set", run, "rate=100", "--reason", "slower").code == ExitCode.OK
    assert "with a rate of 100" in campaign(*order).err


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("2020-01-01T00:00", "has passed"),
        ("2099-03-08T02:30", "does not exist in America/New_York"),
        ("2099-11-01T01:30", "comes twice in America/New_York"),
        ("soon", "is not a time such as"),
    ],
)
def test_a_start_that_is_past_or_in_doubt_begins_nothing(
    campaign: Revio, approved: Revio, start: str, told: str
) -> None:
    run = approved(RATES, "doubt")
    zone = {f"{A}BUSINESS_TIMEZONE": "America/New_York"}
    result = campaign("apply", "doubt.plan", "--start", start, **zone)
    assert (result.code, told in result.err) == (ExitCode.INVALID, True)
    assert run not in {listed["run"] for listed in campaign("list").document["runs"]}


def test_who_approves_sees_what_changes_what_is_crossed_and_what_cannot_be_undone(
    campaign: Revio, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text(
        "id,rate,description,code2\n5001,29.50,Trunk,\n5009,,<b>Seat</b>,NEW\n"
    )
    crossed = ["--override", "change=agreed with Ms Lee", "--rail", "revenue=warn:1"]
    planned = campaign("plan", "in.csv", "-o", "in.plan", *crossed, "--effective", "2098-03-01")
    why = "the vendor's schema cannot empty code2"
    assert (planned.code, planned.document["not_undoable"]) == (2, {why: 1})
    document = campaign("review", "in.plan", "--html", "in.html", "--xlsx", "in.xlsx").document
    (rail,) = (one for one in document["guard_rails"] if one["guard rail"] == "change")
    assert (rail["crossed by"], rail["because"]) == ("1 row", "override: agreed with Ms Lee")
    (whole,) = (one for one in document["guard_rails"] if one["guard rail"] == "revenue")
    assert whole["crossed by"] == "the whole plan"
    assert [(one["id"], one["why"]) for one in document["not_undoable_rows"]] == [("5009", why)]
    assert document["largest_by_customer"][0]["moved"] == document["largest_by_product"][0]["moved"]
    shown = campaign("review", "in.plan", as_json=False).out
    for words in (
        "rate 19.50 → 29.50; description SIP Trunk → Trunk",
        "→ <b>Seat</b>; code2 (empty) → NEW",
        "override: agreed with Ms Lee",
        f"1 row could not be undone: {why}",
        "2098-03-01 00:00 UTC",
        "largest moves by customer",
        "columns used",
    ):
        assert words in shown
    assert planned.document["read_as"] == document["read_as"]
    page = (tmp_path / "in.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Seat&lt;/b&gt;" in page
    assert "2098-03-01 00:00 UTC" in page
    assert "columns used" in page
    book = openpyxl.load_workbook(tmp_path / "in.xlsx")
    assert book["not undoable"]["D2"].value == 5009
    facts = list(book["summary"].iter_rows(values_only=True))
    assert ("columns used", "id, rate, description, code2") in facts


def test_a_run_is_set_as_a_whole_or_not_at_all(campaign: Revio, approved: Revio) -> None:
    run = approved(RATES, "pace")
    assert campaign("apply", "pace.plan", "--halt-errors", "nan").code == ExitCode.INVALID
    assert campaign("apply", "pace.plan", "--window", "22:00Z-06:00Z").code == ExitCode.INVALID
    assert campaign("apply", "pace.plan", "--start", "2099-01-01T00:00").code == ExitCode.OK
    for wrong, told in (
        (["rate=300", "start=2020-01-01T08:00"], "has passed"),
        (["rate=300", "priority=urgent"], "priority is one of"),
        (["rate=0.001", "priority=high"], "0.1 at least"),
        (["rate=300", "rate=200"], "rate is given twice"),
    ):
        result = campaign("set", run, *wrong, "--reason", "x")
        assert (result.code, told in result.err) == (ExitCode.INVALID, True), result
    shown = campaign("watch", run, "--once").document
    assert (shown["rate"], shown["weight"]) == (None, 2)
    assert [entry["what"] for entry in shown["audit"]] == ["approve", "apply"]


def test_a_report_of_a_run_that_has_not_ended_says_so(
    campaign: Revio, approved: Revio, tmp_path: Path
) -> None:
    run = approved(RATES, "early")
    assert campaign("apply", "early.plan", "--start", "2099-01-01T00:00").code == ExitCode.OK
    early = campaign("report", run, "-o", "early")
    assert (early.document["final"], early.document["rows"]) == (False, {"unprocessed": 2})
    told = f"run {run} has not ended: it is running"
    assert told in (tmp_path / "early" / "report.html").read_text(encoding="utf-8")
    assert told in campaign("report", run, "-o", "early", as_json=False).out
    assert campaign("cancel", run, "--reason", "x").code == ExitCode.OK
    follow(campaign, run)
    assert campaign("report", run, "-o", "late").document["final"]
    assert told not in (tmp_path / "late" / "report.html").read_text(encoding="utf-8")
    assert "needs a reason" in campaign("undo", run, "-o", "u.plan", "--reason", " ").err
