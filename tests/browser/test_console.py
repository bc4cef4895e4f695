"""The console in a real browser: the whole story as two people, and axe-core on every page.

`make browser` installs what it needs; without that, or without Chromium, it is skipped.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.dev import Stack, local_stack

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

    def check(self, name: str) -> None:
        """No fault, nothing for axe-core to find, and a picture if that is wanted."""
        assert self.faults == []
        found = axe.Axe().run(self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()
        if SHOTS:
            self.page.screenshot(path=str(Path(SHOTS) / f"console-{name}.png"))


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 380])
def test_every_page_is_readable(desk: Callable[..., Desk], scheme: str, width: int) -> None:
    bob = desk("bob", color_scheme=scheme)
    bob.page.set_viewport_size({"width": width, "height": 800})
    for path in ("campaigns", "operations", "dead", "jobs", "products?id=5001", "audit"):
        bob.go(f"/a/default/{path}")
        bob.check(f"{path.partition('?')[0]}-{scheme}-{width}")
        wide = bob.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
