"""From an upload to its undo, as two people, against a real system; without a browser."""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import console as console_package
from campaigns.store.signers import Signers
from cli.dev import Stack, local_stack
from console.decision_log import DecisionLog
from console.parts import Console
from console.plans import pool
from console.plans.pool import PlanningPool
from console.plans.record import Wanted
from console.routes import PAGES
from console.security.identity import parse_grants
from revio_jobs import Lane
from settings import load
from tests.integration.console.visitor import PASSWORD, Visitor, console_of, settings_of, value_of
from tests.integration.past_campaigns import forget_campaigns
from tests.patience import PATIENCE_S, wait_until
from tests.warm_start import WarmStarts
from worker.limiter import LanePauses

A = "REVIO_ACCOUNTS__DEFAULT__"
QUEUES = ("revio.default.interactive", "revio.default.bulk")
RATES = "id,rate\n5001,20.48\n5002,26.20\n"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        workers={"both": QUEUES},
        sandbox={"customers": 20, "calls_per_minute": 0},
        environment={f"{A}CALLS_PER_MINUTE": "60000", "REVIO_CAMPAIGN_FOUR_EYES": "true"},
    ) as running:
        yield running


@pytest.fixture(scope="module")
def console(
    stack: Stack, warm_starts: WarmStarts | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """Its planning processes have the stack's settings as their environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.process_environment().items():
            patch.setenv(name, value)
        if warm_starts:
            patch.setattr(pool, "spawn", warm_starts.spawn)
        directory = tmp_path_factory.mktemp("console")
        ours = settings_of(directory, stack.redis.url)
        names = [name for name in type(ours).model_fields if name.startswith("console_")]
        settings = load().model_copy(update={name: getattr(ours, name) for name in names})
        assert ours.console_secret
        patch.setenv("REVIO_CONSOLE_SECRET", ours.console_secret.get_secret_value())
        made = console_of(settings)
        made.users.add("both", PASSWORD, parse_grants(["default:planner", "default:approver"]))
        Signers(made.redis).add_console(made.key)  # as its start does
        yield made
        made.pool.close()


@pytest.fixture(autouse=True)
def _as_new(stack: Stack) -> None:
    forget_campaigns(stack)


@pytest.fixture
def visitor(console: Console) -> Callable[[str], Visitor]:
    def made(name: str) -> Visitor:
        visitor = Visitor.of(console)
        visitor.sign_in(name)
        return visitor

    return made


def upload(visitor: Visitor, content: str | bytes, name: str = "june.csv", **form: str) -> str:
    """The plan's path, once planning has ended."""
    once = value_of(visitor.get("/a/default/plans/new").text, "once")
    answer = visitor.post(
        "/a/default/plans", {"once": once, **form}, files={"file": (name, content)}
    )
    assert answer.status_code == 303, answer.text
    return planned(visitor, answer)


def planned(visitor: Visitor, answer: Any) -> str:
    path = str(answer.headers["location"])
    wait_until(lambda: "hx-refresh" in visitor.get(f"{path}/progress").headers)
    return path


def listed(visitor: Visitor, path: str) -> str:
    """A plan's row in the list."""
    rows = visitor.get("/a/default/campaigns").text.split("<tr>")
    [row] = [row for row in rows if f'href="{path}"' in row]
    return row


def test_two_people_plan_approve_apply_watch_report_and_undo(
    stack: Stack, visitor: Callable[[str], Visitor]
) -> None:
    before = {n: fields["Rate"] for n, fields in stack.sandbox.products([5001, 5002]).items()}
    ann, bob, viewer = visitor("planner"), visitor("approver"), visitor("viewer")
    path = upload(ann, RATES)

    page = viewer.get(path).text
    assert "waits for approval" in page
    assert "<del>19.50</del> → <ins>20.48</ins>" in page
    assert "Approve exactly" not in page
    assert "5001" in viewer.get(f"{path}/rows?search=5001").text
    assert "No row is like that" in viewer.get(f"{path}/rows?search=nothing").text
    for file in ("campaign.plan", "review.html", "review.xlsx"):
        headers = viewer.get(f"{path}/files/{file}").headers
        assert headers["content-disposition"].startswith("attachment")

    refused = ann.post(f"{path}/apply", {"canary": ""})
    assert refused.status_code == 409
    assert "is not approved" in refused.text
    assert bob.post(f"{path}/approve", {"reason": "as agreed"}).status_code == 303
    assert bob.post(f"{path}/approve", {"reason": "as agreed"}).status_code == 303  # a second click
    late = bob.post(f"{path}/approve", {"reason": "once more"})
    assert late.status_code == 409
    assert "approver has approved plan june already: as agreed" in late.text

    run_path = ann.post(f"{path}/apply", {"canary": "1,rest"}).headers["location"]
    assert ann.post(f"{path}/apply", {"canary": "1,rest"}).headers["location"] == run_path
    with ann.client.stream("GET", f"{run_path}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        said = "".join(events.iter_text())
    assert "event: progress" in said
    assert said.endswith("event: ended\ndata: \n\n")

    page = viewer.get(run_path).text
    assert "2 of 2" in page
    for decision in ("<td>approver</td><td>approve</td><td>as agreed</td>", "<td>apply</td>"):
        assert decision in page
    late = ann.post(f"{run_path}/pause", {"reason": "wait"})
    assert late.status_code == 409
    assert "is done: it cannot pause now" in late.text
    assert "The latest decision: apply by planner" in late.text

    archive = zipfile.ZipFile(io.BytesIO(viewer.get(f"{run_path}/report").content))
    assert {"succeeded.csv", "report.xlsx", "report.html"} <= set(archive.namelist())
    assert "planner" in viewer.get("/a/default/products?id=5001").text

    undo_form = {"once": value_of(ann.get(run_path).text, "once"), "reason": "wrong month"}
    undone = planned(ann, ann.post(f"{run_path}/undo", undo_form))
    page = ann.get(undone).text
    assert "<del>20.48</del> → <ins>19.50</ins>" in page
    assert "<b>What this undo leaves:</b> nothing.</p>\n</div>" in page
    assert f'An undo is planned <a href="{undone}">' in viewer.get(run_path).text
    assert bob.post(f"{undone}/approve", {"reason": "yes"}).status_code == 303
    undo_run = ann.post(f"{undone}/apply").headers["location"]
    with ann.client.stream("GET", f"{undo_run}/events") as events:
        assert "event: ended" in "".join(events.iter_text())
    rates = {n: fields["Rate"] for n, fields in stack.sandbox.products([5001, 5002]).items()}
    assert rates == before
    ties = ((run_path, "Taken back by", undo_run), (undo_run, "It takes back", run_path))
    assert all(f'{says} <a href="{to}">' in viewer.get(at).text for at, says, to in ties)


def test_whoever_made_a_plan_cannot_approve_it_and_words_send_it_back(
    console: Console, visitor: Callable[[str], Visitor]
) -> None:
    both, bob = visitor("both"), visitor("approver")
    once = value_of(both.get("/a/default/plans/new").text, "once")
    answers = [
        both.post("/a/default/plans", {"once": once}, files={"file": ("july.csv", RATES)})
        for _ in range(2)  # a second click makes no second plan
    ]
    [path] = {planned(both, answer) for answer in answers}
    made = [record for record in console.shelf.records("default") if record.wanted.name == "july"]
    assert len(made) == 1
    assert "You made this plan" in both.get(path).text
    answer = both.post(f"{path}/approve", {"reason": "fine"})
    assert answer.status_code == 409
    assert "somebody else must approve it" in answer.text

    assert bob.post(f"{path}/send-back", {"reason": " "}).status_code == 409
    assert bob.post(f"{path}/send-back", {"reason": "use <b>May</b>"}).status_code == 303
    page = both.get(path).text
    assert "sent back" in page
    assert "use &lt;b&gt;May&lt;/b&gt;" in page
    late = bob.post(f"{path}/approve", {"reason": "well"})
    assert late.status_code == 409
    assert "approver has sent plan july" in late.text
    assert "sent back" in both.get("/a/default/campaigns").text


def test_an_author_approves_only_while_four_eyes_are_not_asked_for(
    console: Console, visitor: Callable[[str], Visitor]
) -> None:
    lax_settings = console.settings.model_copy(update={"campaign_four_eyes": False})
    alone = Visitor.of(replace(console, settings=lax_settings))
    alone.sign_in("both")
    path = upload(alone, RATES, "alone.csv")
    assert alone.post(f"{path}/approve", {"reason": "fine"}).status_code == 303
    for page in (alone.get(path).text, alone.get("/a/default/campaigns").text):
        assert "approved by its author" in page
    assert f'action="{path}/apply"' in alone.get(path).text

    strict = visitor("both")
    page = strict.get(path).text
    assert "waits for approval" in page
    assert "that does not count: both has made this plan: somebody else must approve it" in page
    assert f'action="{path}/apply"' not in page
    assert "approved by its author" not in strict.get("/a/default/campaigns").text
    assert visitor("approver").post(f"{path}/approve", {"reason": "yes"}).status_code == 303
    assert f'action="{path}/apply"' in strict.get(path).text


def test_unticked_rows_are_left_out_of_a_new_plan_that_needs_its_own_approval(
    visitor: Callable[[str], Visitor],
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    path = upload(ann, f"{RATES}5003,30.15\n", "august.csv")
    assert bob.post(f"{path}/approve", {"reason": "as agreed"}).status_code == 303
    page = ann.get(path).text
    assert page.count('name="ticked"') == page.count(" checked") == 3
    assert 'name="ticked"' not in bob.get(path).text
    assert "Every row is ticked" in ann.post(f"{path}/without", {"once": "early"}).text

    unknown = ann.post(f"{path}/ticks", {"do": "untick", "flag": "gaurded"})
    assert "no such filter of rows" in unknown.text
    saved = ann.post(f"{path}/ticks", {"do": "untick", "search": "5002", "page": "1"})
    assert saved.headers["location"].endswith(f"{path}?search=5002#rows")
    part = ann.post(f"{path}/ticks", {"part": "1", "shown": ["1", "2"], "ticked": ["1"]})
    assert "1 row is unticked" in part.text
    assert "<html" not in part.text
    assert "Keep product 5002" in ann.get(f"{path}/rows?flag=unticked").text

    once = value_of(ann.get(f"{path}/rows").text, "once")
    answers = [ann.post(f"{path}/without", {"once": once}) for _ in range(2)]
    [new] = {planned(ann, answer) for answer in answers}
    page = ann.get(new).text
    assert "waits for approval" in page
    assert "without 1 row that planner has unticked" in page
    assert re.search(
        r"rows left out</th><td>1 of plan august \([0-9a-f]{10}, made by planner\)", page
    )
    assert "another version of plan august was approved" in ann.post(f"{new}/apply").text
    assert bob.post(f"{new}/approve", {"reason": "yes"}).status_code == 303
    run = ann.post(f"{new}/apply").headers["location"]
    with ann.client.stream("GET", f"{run}/events") as events:
        assert "2 of 2" in "".join(events.iter_text())


def test_a_run_is_steered_and_what_it_did_not_do_is_planned_again(
    visitor: Callable[[str], Visitor],
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    path = upload(ann, RATES, "september.csv")
    assert "By how much" in ann.get(path).text
    assert "Change of revenue per billing period, by customer" in ann.get(path).text
    bob.post(f"{path}/approve", {"reason": "as agreed"})
    run = ann.post(f"{path}/apply", {"start": "2099-06-01T22:00"}).headers["location"]
    assert "2099-06-01 22:00" in ann.get(run).text

    operator = visitor("operator")
    assert "Give a rate, a priority or a start" in ann.post(f"{run}/set", {"reason": "x"}).text
    form = {"rate": "120", "priority": "low", "reason": "others call too"}
    assert ann.post(f"{run}/set", form).status_code == 303
    page = operator.get(run).text
    assert "120.0 calls per minute" in page
    assert f'action="{run}/pause"' in page
    assert f'action="{run}/undo"' not in page
    assert operator.post(f"{run}/pause", {"reason": "the vendor asks"}).status_code == 303
    assert ann.post(f"{run}/retry", {"once": "r", "only": "unprocessed"}).status_code == 303
    form = {"reason": "the vendor is done", "read": value_of(operator.get(run).text, "read")}
    assert operator.post(f"{run}/resume", form).status_code == 303
    assert ann.post(f"{run}/cancel", {"reason": "another month"}).status_code == 303
    late = operator.post(f"{run}/pause", {"reason": "me too"})
    assert late.status_code == 409
    assert "The latest decision: cancel by planner" in late.text
    page = ann.get(run).text
    for decision in ("set rate=120", "set priority=low", "pause", "resume", "cancel"):
        assert f"<td>{decision}</td>" in page

    form = {"once": value_of(page, "once"), "only": "unprocessed"}
    answers = [ann.post(f"{run}/retry", form) for _ in range(2)]
    [again] = {planned(ann, answer) for answer in answers}
    page = ann.get(again).text
    assert "retry september" in page
    assert "2 rows" in page


def test_whoever_has_signed_out_watches_no_more(
    visitor: Callable[[str], Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.run_events._SESSION_CHECK_S", 0.0)
    ann, bob = visitor("planner"), visitor("approver")
    path = upload(ann, RATES, "october.csv")
    bob.post(f"{path}/approve", {"reason": "as agreed"})
    run = ann.post(f"{path}/apply", {"start": "2099-06-01T22:00"}).headers["location"]
    with bob.client.stream("GET", f"{run}/events") as events:
        lines = events.iter_lines()
        assert next(lines) == "event: progress"
        bob.post("/logout")
        assert "event: gone" in list(lines)
    ann.post(f"{run}/cancel", {"reason": "a test"})


def test_what_the_reader_asks_is_answered_and_faulty_rows_come_back(
    visitor: Callable[[str], Visitor],
) -> None:
    ann = visitor("planner")
    path = upload(ann, "id,New price\n5001,20.48\n5002,many\n5003,=1+1\n", "<b>.csv")
    page = ann.get(path).text
    assert "nothing was changed" in page
    assert "needs an answer" in ann.get("/a/default/campaigns").text
    assert "say below what it is" in page
    assert "--map" not in page
    assert 'name="column:New price"' in page
    assert '<option value="rate" selected>' in page
    assert '<b class="warn">Proposed.</b> For example 20.48 · many · =1+1' in page
    assert "<b>.csv" not in page

    form = {"once": value_of(page, "once"), "column:New price": "rate"}
    again = planned(ann, ann.post(f"{path}/again", form))
    page = ann.get(again).text
    assert "New price as rate" in page
    assert "No plan was made" in page
    assert "line 3" in page
    faulty = ann.get(f"{again}/files/problems.csv").text
    assert "5002,many" in faulty
    assert "5001" not in faulty
    assert ann.get(f"{again}/files/request.json").status_code == 404
    assert ann.get(f"{again}/files/..%2F..%2Fusers.json").status_code == 404


def test_the_reason_to_cross_a_guard_rail_stands_beside_it_and_failed_rows_are_named(
    stack: Stack, visitor: Callable[[str], Visitor]
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    records = stack.sandbox.products(list(range(5001, 5060)))
    denied = next(n for n, fields in records.items() if fields["Status"] == "DENIED")
    rate = Decimal(records[denied]["Rate"]) * 2
    path = upload(ann, f"id,rate\n{denied},{rate}\n5001,29.50\n", "november.csv")
    page = ann.get(path).text
    assert "Reason to cross “change” (2 rows)" in page

    rails = {f"override:{rail}": "yes" for rail in ("repeat", "revenue", "below_cost")}
    form = {"once": value_of(page, "once"), "override:change": "agreed\nwith finance"} | rails
    again = planned(ann, ann.post(f"{path}/again", form))
    page = ann.get(f"{again}?sort=revenue&down=1").text
    assert "The guard rail change is crossed: agreed with finance" in page
    assert "rows that change</th><td>2 of 2" in page
    assert "2 products will be changed at Rev.io" not in page
    part = ann.get(f"{again}/rows?sort=revenue&down=1&page=1")
    assert part.headers["HX-Push-Url"] == f"{again}?sort=revenue&down=1#rows"

    bob.post(f"{again}/approve", {"reason": "as agreed"})
    assert "2 products will be changed at Rev.io" in ann.get(again).text
    run = ann.post(f"{again}/apply").headers["location"]
    deadline = time.monotonic() + PATIENCE_S
    while "ended otherwise than planned" not in (page := bob.get(run).text):
        assert time.monotonic() < deadline, page
        time.sleep(0.2)
    assert "Run of november" in page
    assert f'<a href="{again}">Its plan</a>' in page
    assert re.search(rf'id={denied}">{denied}</a>.*denied', page)
    assert 'id=5001">5001' not in page
    assert "Run of november" not in bob.get("/a/default/campaigns").text
    assert ">november</a>" in bob.get("/a/default/campaigns").text


@pytest.mark.parametrize(
    ("content", "form", "says"),
    [
        ("id,rate\n5001,19.50\n", {}, "Nothing to change: Rev.io has everything as this plan"),
        ("", {"customers": "999998\n999999, 999997", "sets": "rate = 2"}, "has no products of"),
    ],
)
def test_a_plan_that_changes_nothing_says_so_and_waits_for_nobody(
    visitor: Callable[[str], Visitor], content: str, form: dict[str, str], says: str
) -> None:
    ann = visitor("planner")
    once = value_of(ann.get("/a/default/plans/new").text, "once")
    files = {"file": ("same.csv", content)} if content else None
    form = {"name": "same again", "once": once, **form}
    path = planned(ann, ann.post("/a/default/plans", form, files=files))
    page = ann.get(path)
    assert page.status_code == 200, page.text
    assert says in page.text
    assert ann.get(f"{path}/rows").status_code in {200, 404}
    assert "no finished plan that changes something" in (
        visitor("approver").post(f"{path}/approve", {"reason": "yes"}).text
    )
    assert (
        "waits for approval"
        not in ann.get("/a/default/campaigns").text.split("same again")[1][:200]
    )


def test_a_retry_without_such_a_row_says_so(visitor: Callable[[str], Visitor]) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    path = upload(ann, RATES, "june.csv")
    assert bob.post(f"{path}/approve", {"reason": "yes"}).status_code == 303
    run = ann.post(f"{path}/apply").headers["location"]
    with ann.client.stream("GET", f"{run}/events") as events:
        assert "2 of 2" in "".join(events.iter_text())
    retry = planned(ann, ann.post(f"{run}/retry", {"once": "none", "only": "transient"}))
    assert "Nothing to retry: no row of june-" in ann.get(retry).text


def test_a_mistake_in_the_form_of_a_run_is_said_beside_its_field(
    visitor: Callable[[str], Visitor],
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    path = upload(ann, RATES, "mistaken.csv")
    assert bob.post(f"{path}/approve", {"reason": "yes"}).status_code == 303
    typed = {
        "canary": "ten then rest",
        "start": "2020-01-01T00:00",
        "window": "evenings",
        "rate": "fast",
        "reason": "as <b>agreed",
    }
    answer = ann.post(f"{path}/apply", typed)
    assert answer.status_code == 422
    for name in ("canary", "start", "window", "rate"):
        assert f'value="{typed[name]}"' in answer.text
        assert f'id="{name}-fault"' in answer.text
    assert "as &lt;b&gt;agreed</textarea>" in answer.text
    for words in ("`now`", "rate=fast", "NAME=VALUE", "--"):
        assert words not in "".join(re.findall('role="alert">([^<]*)', answer.text))
    assert ann.post(f"{path}/apply", {**typed, "canary": ""}).status_code == 422
    started = ann.post(f"{path}/apply", {"canary": "1,rest"})
    assert started.headers["location"].startswith("/a/default/runs/")


def test_a_plan_whose_run_is_not_kept_any_more_has_left_the_list(
    console: Console, visitor: Callable[[str], Visitor]
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    path = upload(ann, RATES, "long-ago.csv")
    assert bob.post(f"{path}/approve", {"reason": "yes"}).status_code == 303
    assert path in ann.get("/a/default/campaigns").text
    run = ann.post(f"{path}/apply", {}).headers["location"].rpartition("/")[2]
    wait_until(lambda: not console.redis.exists("revio:default:campaigns:active"))
    console.redis.delete(*console.redis.keys(f"revio:default:campaign:{run}:*"))
    assert path not in ann.get("/a/default/campaigns").text


def test_a_mistake_in_a_new_plan_keeps_what_was_typed_and_the_upload(
    visitor: Callable[[str], Visitor],
) -> None:
    ann = visitor("planner")
    once = value_of(ann.get("/a/default/plans/new").text, "once")
    answer = ann.post("/a/default/plans", {"once": once, "sets": "rate = rate * 1.05"})
    assert answer.status_code == 422
    assert "Choose a price list; or" in answer.text
    assert "rate = rate * 1.05</textarea>" in answer.text
    assert value_of(answer.text, "once") == once

    typed = {
        "once": once,
        "name": "kept <i>",
        "overrides": "customer agreed to it",
        "effective": "2020-01-01",
        "header_line": "third",
        "rails": "much",
        "sets": "rate is more",
    }
    answer = ann.post("/a/default/plans", typed, files={"file": ("may.csv", RATES)})
    assert answer.status_code == 422
    for name in ("overrides", "effective", "header_line", "rails", "sets"):
        assert f'id="{name}-fault"' in answer.text
    assert "does not say which guard rail" in answer.text
    assert "customer agreed to it</textarea>" in answer.text
    assert 'value="kept &lt;i&gt;"' in answer.text
    assert "may.csv is stored" in answer.text
    assert "kept" not in ann.get("/a/default/campaigns").text

    path = planned(ann, ann.post("/a/default/plans", {"once": once, "name": "kept"}))
    assert "<ins>20.48</ins>" in ann.get(path).text

    page = ann.post("/a/default/plans", {"once": "other", "customers": "1040\n1041, x"})
    assert page.status_code == 422
    assert 'id="customers-fault"' in page.text
    assert 'id="name-fault"' in page.text


def test_a_plan_that_was_sent_back_is_planned_again_with_all_that_was_said(
    visitor: Callable[[str], Visitor],
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    unclear = upload(ann, "id,New price\n5001,20.48\n", "spring.csv")
    page = ann.get(unclear).text
    form = {"once": value_of(page, "once"), "column:New price": "rate"}
    old = planned(ann, ann.post(f"{unclear}/again", form))
    assert "waits for you" in listed(bob, old)
    assert "waits for you" not in listed(ann, old)
    assert unclear not in ann.get("/a/default/campaigns").text  # its next try has replaced it
    assert unclear in ann.get("/a/default/campaigns?all=1").text
    assert bob.post(f"{old}/send-back", {"reason": "mind 5002"}).status_code == 303
    assert "by approver: mind 5002" in listed(ann, old)
    assert "waits for you" in listed(ann, old)

    page = ann.get(old).text
    assert "Plan again with a corrected file" in page
    files = {"file": ("spring2.csv", "id,New price\n5001,20.48\n5002,26.20\n")}
    again = {"once": "corrected", "keep": "yes"}
    new = planned(ann, ann.post(f"{old}/again", again, files=files))
    page = ann.get(new).text
    assert "New price as rate" in page
    assert "<ins>26.20</ins>" in page
    assert f'takes the place of <a href="{old}">' in page
    assert f'Replaced by <a href="{new}">' in ann.get(old).text


def test_a_plan_that_another_has_replaced_is_not_approved_by_mistake(
    visitor: Callable[[str], Visitor],
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    old = upload(ann, RATES, "autumn.csv")
    ann.post(f"{old}/ticks", {"do": "untick", "search": "5002"})
    new = planned(ann, ann.post(f"{old}/without", {"once": "autumn without"}))
    assert bob.post(f"{new}/send-back", {"reason": "5001 neither"}).status_code == 303
    refused = bob.post(f"{old}/approve", {"reason": "yes"})
    assert refused.status_code == 409
    assert "has taken the place of this one" in refused.text
    assert "I mean this plan" in bob.get(old).text
    form = {"reason": "this one after all", "even_replaced": "yes"}
    assert bob.post(f"{old}/approve", form).status_code == 303
    assert ann.post(f"{old}/apply").status_code == 409

    assert ann.post(f"{new}/withdraw", {"reason": "never mind"}).status_code == 303
    assert "Replaced by" not in ann.get(old).text
    run = ann.post(f"{old}/apply").headers["location"]
    with ann.client.stream("GET", f"{run}/events") as events:  # or the next test finds its rates
        assert "2 of 2" in "".join(events.iter_text())


def test_a_planner_withdraws_their_own_plan_and_nobody_approves_it(
    console: Console, visitor: Callable[[str], Visitor]
) -> None:
    ann, bob = visitor("planner"), visitor("approver")
    path = upload(ann, RATES, "winter.csv")
    assert "nobody else withdraws it" in visitor("both").post(f"{path}/withdraw").text
    assert ann.post(f"{path}/withdraw", {"reason": "wrong month"}).status_code == 303
    assert "winter" not in bob.get("/a/default/campaigns").text
    assert "planner has withdrawn this plan" in bob.get(path).text
    late = bob.post(f"{path}/approve", {"reason": "yes"})
    assert late.status_code == 409
    assert "withdrawn by its planner: wrong month" in late.text
    log = DecisionLog(console.redis, "default").latest(1)
    assert log[0].what.startswith("withdraw plan winter")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(40), b""])
def test_what_is_no_price_list_at_all_is_only_replaced_by_another_file(
    visitor: Callable[[str], Visitor], content: bytes
) -> None:
    ann = visitor("planner")
    page = ann.get(upload(ann, content, "logo.xlsx")).text
    assert "Upload another file" in page
    assert "Plan it again" not in page
    assert "Corrected price list" not in page
    assert "Withdraw this plan" in page


ODD = [
    "",
    " ",
    "x" * 5000,
    "-1",
    "9" * 5000,
    "NaN",
    "1e999",
    "٣",
    "\0",
    "\ud800",
    "😀=\r\n,;",
    "id",
]


def test_no_form_with_odd_fields_is_a_fault_of_ours(
    console: Console, visitor: Callable[[str], Visitor]
) -> None:
    ann = visitor("both")
    path = upload(ann, RATES, "odd.csv")
    console.users.set_grants(
        "both", parse_grants([f"default:{role}" for role in ("planner", "approver", "operator")])
    )
    templates = Path(console_package.__file__).parent.joinpath("templates").glob("*.j2")
    names = {
        name
        for template in templates
        for name in re.findall(r' name="([a-z_]+)"', template.read_text(encoding="utf-8"))
    } - {"csrf", "viewport"}
    assert {"canary", "rate", "overrides", "days", "only", "do"} <= names
    begun = upload(ann, RATES, "begun.csv")
    assert visitor("approver").post(f"{begun}/approve", {"reason": "yes"}).status_code == 303
    run = ann.post(f"{begun}/apply", {"start": "2099-06-01T22:00"}).headers["location"]
    plan, run = path.rpartition("/")[2], run.rpartition("/")[2]
    quiet = replace(console, pool=PlanningPool(1, PATIENCE_S, ("true",)))
    both = Visitor.of(quiet)
    both.sign_in("both")
    faults = []
    for page in PAGES:
        if page.method != "POST" or page.path == "/logout":
            continue
        for lane in ("bulk", "x") if "{lane}" in page.path else ("",):
            address = page.path.format(
                account="default", plan=plan, run=run, lane=lane, job="j", token="t"
            )
            for odd in ODD:
                form = dict.fromkeys(names, odd) | {"once": odd[:20] or "o"}
                answer = both.client.post(
                    address,
                    content=urlencode({**form, "csrf": both.csrf}, errors="surrogatepass"),
                    headers={"content-type": "application/x-www-form-urlencoded"},
                )
                if answer.status_code >= 500:
                    faults.append((address, odd[:10], answer.status_code))
    quiet.pool.close()
    # No odd form ends a pause whose reason it has not read.
    assert LanePauses(console.redis).resume("default", Lane.BULK)
    assert not faults


def test_a_console_that_starts_plans_what_another_has_left(console: Console) -> None:
    record = console.shelf.new("default", "left behind")
    source = record.file("left.csv")
    source.write_text(RATES)
    record.ask(Wanted(record.directory.name, "default", "left", "planner", 0.0, source="left.csv"))
    with Visitor.of(console).client:  # its start
        wait_until(lambda: record.outcome is not None)
    assert record.outcome.digest
