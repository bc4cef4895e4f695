"""The console in a real browser: the whole story as two people, and axe-core on every page.

`make browser` installs what it needs; without that, or without Chromium, it is skipped.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from cli.dev import Stack, local_stack
from revio_jobs import Lane, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import job_id_of
from revio_jobs.message import encode_message
from revio_jobs.reservation import Reservations
from tasks.ports import Claimed
from worker.ledger import LedgerTimes, RedisLedger

sync_api = pytest.importorskip("playwright.sync_api", reason="make browser installs it")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="make browser does")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on PATH")

A = "REVIO_ACCOUNTS__DEFAULT__"
SHOTS = os.environ.get("CONSOLE_SCREENSHOTS")
"""A directory, if the pages are to be kept as pictures."""
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        console=True,
        appendonly=True,
        sandbox={"customers": 400, "calls_per_minute": 0},
        environment={f"{A}CALLS_PER_MINUTE": "600", "REVIO_CAMPAIGN_FOUR_EYES": "true"},
    ) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


class Desk:
    """One person's browser, which hears every fault of a page."""

    def __init__(self, browser: Any, stack: Stack, name: str, **options: Any) -> None:
        assert stack.console
        self.url = stack.console.url
        context = browser.new_context(viewport={"width": 1200, "height": 800}, **options)
        context.set_default_timeout(WAIT_MS)
        self.page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._listen)
        self.go("/")
        self.check("sign-in")
        self.page.fill("#name", name)
        self.page.fill("#password", stack.console.password)
        self.press("Sign in")

    def _listen(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def press(self, text: str) -> None:
        self.page.locator("main button", has_text=text).first.click()
        self.page.wait_for_load_state()

    def text(self, path: str) -> str:
        """What the page at `path` says."""
        self.go(path)
        return str(self.page.inner_text("main"))

    def check(self, name: str) -> None:
        """No fault, nothing for axe-core to find, and a picture if that is wanted."""
        assert self.faults == []
        found = axe.Axe().run(self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"console-{name}.png")
            self.page.screenshot(path=Path(SHOTS) / "whole" / f"{name}.png", full_page=True)


@pytest.fixture
def desk(browser: Any, stack: Stack) -> Callable[..., Desk]:
    return lambda name, **options: Desk(browser, stack, name, **options)


def test_two_people_plan_approve_apply_and_undo_through_kills(
    stack: Stack, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    ann, bob = desk("ann"), desk("bob")
    upload_what_raises_a_question(ann, tmp_path)
    plan = plan_by_rule(ann)
    review_and_approve(bob, plan)
    apply_through_kills(ann, plan, stack)

    ann.page.fill("#undo-reason", "wrong month")
    ann.press("Plan an undo")
    ann.page.wait_for_selector("text=All rows")
    undo = ann.page.url.removeprefix(ann.url)
    bob.go(undo)
    bob.page.fill("#approve-reason", "yes, May it is")
    bob.press("Approve exactly this plan")
    ann.go(undo)
    ann.press("Apply")
    ann.page.wait_for_selector("td:has-text('done')")
    assert re.search(r"applied\s+254", ann.page.inner_text("main"))


def upload_what_raises_a_question(ann: Desk, directory: Path) -> None:
    ann.check("empty")
    ann.page.click("text=New plan")
    ann.check("new")
    (directory / "rates.csv").write_text("id,New price\n5001,20.48\n5002,26.20\n")
    ann.page.set_input_files("#file", directory / "rates.csv")
    ann.press("Plan")
    ann.page.wait_for_selector("text=Plan it again")
    ann.check("asks")


def plan_by_rule(ann: Desk) -> str:
    """The plan's path."""
    ann.go("/a/default/plans/new")
    ann.page.click("summary:has-text('Rules')")
    ann.page.fill("#name", "five per cent")
    ann.page.fill("#sets", "rate = rate * 1.05")
    ann.page.fill("#where", "status = ACTIVE")
    ann.page.fill("#customers", " ".join(str(1000 + n) for n in range(1, 120)))
    ann.press("Plan")
    ann.page.wait_for_selector("text=All rows")
    return str(ann.page.url.removeprefix(ann.url))


def review_and_approve(bob: Desk, plan: str) -> None:
    bob.go(plan)
    bob.check("review")
    bob.page.fill("#search", "Managed")
    bob.page.press("#search", "Enter")
    bob.page.wait_for_selector("p:has-text('rows') >> text=/^\\s*\\d+ rows?$/")
    assert "Hosted Seat" not in bob.page.inner_text("#rows")
    bob.page.fill("#approve-reason", "agreed with finance")
    bob.press("Approve exactly this plan")
    bob.check("approved")


def apply_through_kills(ann: Desk, plan: str, stack: Stack) -> None:
    ann.go(plan)
    ann.page.fill("#canary", "25,rest")
    ann.press("Apply")
    ann.page.wait_for_selector("text=updated as it happens")
    ann.check("run")
    stack.services["bulk"].kill()
    stack.services["bulk"].start()
    stack.redis.restart()
    ann.page.wait_for_selector("td:has-text('done')", timeout=3 * WAIT_MS)
    ann.page.wait_for_selector("text=Plan an undo")
    # What the browser says of the connection that Redis's restart has cost is no fault.
    ann.faults.clear()
    ann.check("done")
    with ann.page.expect_download() as download:
        ann.page.click("text=Download the report")
    assert download.value.suggested_filename.endswith("-report.zip")


@pytest.fixture(scope="module")
def unknown_job(stack: Stack) -> Iterator[str]:
    """An update to the rate that product 5001 has, of which nobody knows what became of it."""
    with Redis.from_url(stack.redis.url) as redis, producer_app(stack.redis.url) as app:
        rate = stack.sandbox.products([5001])[5001]["Rate"]
        assert rate
        job = UpdateJob(id=5001, rate=rate, idempotency_key="browser")
        job_id = job_id_of("default", "browser")
        Reservations(redis).reserve(job, job_id, Lane.BULK)  # without a message no worker takes it
        ledger = RedisLedger(redis, LedgerTimes(60.0), partial(encode_message, app))
        claim = ledger.claim(job, job_id, Lane.BULK)
        assert isinstance(claim, Claimed)
        error = {"type": "OutcomeUnknown", "args": ["nothing proves what became of it"]}
        ledger.settle(claim.lease, {"error": error}, "OutcomeUnknown", frozenset({"rate"}))
        yield job_id


@pytest.fixture(scope="module")
def plan_path(browser: Any, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of two rows, one of which a guard rail speaks of."""
    ann = Desk(browser, stack, "ann")
    file = tmp_path_factory.mktemp("plan") / "july.csv"
    file.write_text("id,rate\n5001,21.00\n5002,90.00\n")
    ann.go("/a/default/plans/new")
    ann.page.set_input_files("#file", file)
    ann.page.click("summary:has-text('Guard rails')")
    ann.page.fill("#overrides", "change=agreed with the customer\nrevenue=agreed\nrepeat=agreed")
    ann.press("Plan")
    ann.page.wait_for_selector("text=All rows")
    return str(ann.page.url.removeprefix(ann.url))


def test_rows_are_unticked_by_the_keyboard_and_left_out(
    desk: Callable[..., Desk], plan_path: str
) -> None:
    ann = desk("ann")
    ann.go(plan_path)
    assert not ann.page.is_visible("text=Save the ticks of this page")
    with ann.page.expect_response("**/ticks"):
        ann.page.focus("#tick-2")
        ann.page.keyboard.press("Space")
    ann.page.wait_for_selector("text=1 row is unticked")
    assert ann.page.evaluate("document.activeElement.id") == "tick-2"
    ann.check("unticked")
    ann.press("Make a plan without 1 row")
    ann.page.wait_for_selector("text=without 1 row that ann has unticked")
    ann.check("without")


def test_pages_are_reached_by_keys_and_printed_without_forms(
    desk: Callable[..., Desk], plan_path: str
) -> None:
    bob = desk("bob")
    bob.go(plan_path)
    bob.page.keyboard.press("/")
    assert bob.page.evaluate("document.activeElement.id") == "search"
    bob.page.keyboard.type("go")  # letters in a field are letters
    assert bob.page.input_value("#search") == "go"
    bob.page.emulate_media(media="print")
    assert bob.page.is_visible("text=How the file was read")
    assert not bob.page.is_visible("form")
    ann = desk("ann")
    ann.go(plan_path)
    ann.page.emulate_media(media="print")
    assert ann.page.is_visible("#rows td.changes")  # it stands in the form of ticks
    assert not ann.page.is_visible("#search")
    bob.page.emulate_media(media="screen")
    bob.page.evaluate("document.activeElement.blur()")
    bob.page.keyboard.press("g")
    bob.page.keyboard.press("o")
    bob.page.wait_for_selector("h1:has-text('Operations')")
    bob.page.keyboard.press("?")
    assert bob.page.is_visible("text=find a product")
    foot = bob.page.locator("#keys").bounding_box()
    assert foot["y"] + foot["height"] < bob.page.viewport_size["height"] + 1  # parts of pixels


def test_a_phone_shows_old_and_new_of_a_row_without_scrolling(
    desk: Callable[..., Desk], plan_path: str
) -> None:
    ann = desk("ann")
    ann.page.set_viewport_size({"width": 390, "height": 800})
    ann.go(plan_path)
    change = ann.page.locator("#rows td.changes").first.bounding_box()
    assert change["x"] + change["width"] <= 390
    row = ann.page.locator("#rows tbody tr").first.bounding_box()
    assert row["height"] < 200


def test_a_phone_shows_the_list_of_campaigns_without_scrolling(
    desk: Callable[..., Desk], plan_path: str
) -> None:
    ann = desk("ann")
    ann.page.set_viewport_size({"width": 390, "height": 800})
    ann.go("/a/default/campaigns")
    wide = ann.page.locator(f".wide:has(a[href$='{plan_path}'])")
    assert wide.evaluate("wide => wide.scrollWidth <= wide.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 380])
def test_every_page_is_readable(
    desk: Callable[..., Desk], scheme: str, width: int, unknown_job: str, plan_path: str
) -> None:
    bob = desk("bob", color_scheme=scheme)
    bob.page.set_viewport_size({"width": width, "height": 800})
    bob.go("/tokens")
    bob.page.fill("#note", "the nightly job")
    bob.press("Make a token")
    pages = {
        "token": "",
        "campaigns": "/a/default/campaigns",
        "plan": plan_path,
        "operations": "/a/default/operations",
        "dead": "/a/default/dead",
        "dead-letter": f"/a/default/dead/{unknown_job}?look=1",
        "job": f"/a/default/jobs?job={unknown_job}",
        "find-job": "/a/default/jobs",
        "product": "/a/default/products?id=5001",
        "find-product": "/a/default/products",
        "audit": "/a/default/audit",
    }
    for name, path in pages.items():
        if path:
            bob.go(path)
        bob.check(f"{name}-{scheme}-{width}")
        wide = bob.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, name
    assert "the vendor has executed it" in bob.text(pages["dead-letter"])


def test_times_are_in_the_readers_zone_too(desk: Callable[..., Desk], plan_path: str) -> None:
    bob = desk("bob", timezone_id="America/New_York")
    assert plan_path
    shown = bob.text("/a/default/campaigns")
    assert re.search(r"\d\d:\d\d UTC\s+your time \d{4}-\d\d-\d\d \d\d:\d\d", shown)
    assert "your time" not in desk("bob", timezone_id="UTC").text("/a/default/campaigns")


def test_what_there_is_not_and_what_may_not_be_done_is_said_readably(
    desk: Callable[..., Desk],
) -> None:
    bob = desk("bob")
    for path in ("/a/default/runs/nowhere", "/a/default/plans/new", "/nowhere"):
        bob.go(path)
        bob.faults.clear()  # the browser tells of the status
        bob.check(f"refused-{path.rpartition('/')[2]}")
