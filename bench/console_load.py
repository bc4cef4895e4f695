"""How fast the console's pages are while many look on: `make bench-console`.

People watch a run in progress (its events, and pages of the console in turn) while planners upload
price lists, on the machine that also runs the workers, Redis and the stand-in for Rev.io. A figure
is a page's latency, from the request to the last byte.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import secrets
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from random import Random
from urllib.parse import urlencode, urlsplit

from cli.dev import Stack, local_stack

A = "REVIO_ACCOUNTS__DEFAULT__"
CUSTOMERS = " ".join(str(1000 + number) for number in range(1, 381))
UPLOAD_ROWS = 600
RUN_CALLS_PER_MINUTE = 150
THINK_S = 4.0
PATIENCE_S = 120
GOAL_MS = 300


class Person:
    """Somebody's browser, as far as requests go; one person can have many, by the same cookie."""

    def __init__(self, stack: Stack, cookie: str = "", csrf: str = "") -> None:
        assert stack.console
        self._stack = stack
        self._host = urlsplit(stack.console.url).netloc
        self.cookie, self.csrf = cookie, csrf

    def another(self) -> Person:
        return Person(self._stack, self.cookie, self.csrf)

    def sign_in(self, name: str) -> None:
        assert self._stack.console
        page = self.get("/login")
        form = {"name": name, "password": self._stack.console.password, "next": "/"}
        self._request("POST", "/login", urlencode(form | {"token": value_of(page, "token")}))
        self.csrf = value_of(self.get("/a/default/campaigns"), "csrf")

    def get(self, path: str) -> str:
        return self._request("GET", path)[1]

    def post(self, path: str, form: dict[str, str]) -> str:
        """The path that the answer leads to."""
        return self._request("POST", path, urlencode({"csrf": self.csrf, **form}))[0]

    def upload(self, content: str) -> str:
        """The plan's path."""
        mark, fields = secrets.token_hex(8), {"csrf": self.csrf, "once": secrets.token_hex(8)}
        overrides = {"overrides": "change=measured\nrevenue=measured", "skip_problems": "yes"}
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (fields | overrides).items()
        ]
        parts.append(
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="rates.csv"\r\n\r\n'
            f"{content}\r\n--{mark}--\r\n"
        )
        kind = f"multipart/form-data; boundary={mark}"
        return self._request("POST", "/a/default/plans", "".join(parts), kind)[0]

    def events(self, path: str, ends: threading.Event) -> Iterator[str]:
        """The names of a run's events as they come."""
        connection = http.client.HTTPConnection(self._host, timeout=PATIENCE_S)
        connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        while not ends.is_set() and (line := answer.readline()):
            if line.startswith(b"event: "):
                yield line[7:].decode().strip()
        connection.close()

    def _request(
        self,
        method: str,
        path: str,
        body: str = "",
        kind: str = "application/x-www-form-urlencoded",
    ) -> tuple[str, str]:
        connection = http.client.HTTPConnection(self._host, timeout=PATIENCE_S)
        headers = {"Cookie": self.cookie, **({"Content-Type": kind} if body else {})}
        connection.request(method, path, body.encode() or None, headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie" and "Max-Age=0" not in value:
                self.cookie = value.partition(";")[0]
        connection.close()
        if answer.status >= 400:
            raise AssertionError(f"{method} {path}: {answer.status} {text[:2000]}")
        return answer.getheader("location") or "", text


class Load:
    """What everybody does at once, and how long it took."""

    def __init__(self, watcher: Person, planner: Person, run: str, plan: str) -> None:
        self.watcher, self.planner, self.run, self.plan = watcher, planner, run, plan
        self.took_ms: dict[str, list[float]] = defaultdict(list)
        self.faults: list[str] = []
        self.events = 0
        self.plans = 0
        self.ends = threading.Event()

    def carry_on(self, watchers: int, planners: int, seconds: float) -> None:
        threads = [
            *(
                threading.Thread(target=self._guarded, args=(self._listen, n))
                for n in range(watchers)
            ),
            *(
                threading.Thread(target=self._guarded, args=(self._look, n))
                for n in range(watchers)
            ),
            *(
                threading.Thread(target=self._guarded, args=(self._plan, n))
                for n in range(planners)
            ),
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.ends.set()
        for thread in threads:
            thread.join()

    def _guarded(self, does: Callable[[int], None], number: int) -> None:
        try:
            does(number)
        except Exception as exc:  # noqa: BLE001 - counted and shown
            self.faults.append(f"{type(exc).__name__}: {exc}")

    def _listen(self, _: int) -> None:
        for _name in self.watcher.another().events(f"{self.run}/events", self.ends):
            self.events += 1

    def _look(self, number: int) -> None:
        chance, person = Random(number), self.watcher.another()
        pages = {
            "run": self.run,
            "campaigns": "/a/default/campaigns",
            "plan": self.plan,
            "rows": f"{self.plan}/rows?sort=revenue&down=1&page=3",
            "operations": "/a/default/operations",
            "product": "/a/default/products?id=5001",
        }
        self.ends.wait(chance.uniform(0, THINK_S))
        while not self.ends.is_set():
            name = chance.choice(list(pages))
            self._timed(name, partial(person.get, pages[name]))
            self.ends.wait(chance.uniform(0, 2 * THINK_S))

    def _plan(self, number: int) -> None:
        person = self.planner.another()
        while not self.ends.is_set():
            rates = (f"{5001 + row},{20 + (row + number) % 7}.00" for row in range(UPLOAD_ROWS))
            content = "id,rate\n" + "\n".join(rates)
            path = self._timed("upload", partial(person.upload, content))
            while "hx-trigger" in person.get(f"{path}/progress"):
                if self.ends.wait(1):
                    return
            self._timed("plan", partial(person.get, path))
            self.plans += 1

    def _timed(self, name: str, does: Callable[[], str]) -> str:
        began = time.perf_counter()
        answer = does()
        self.took_ms[name].append((time.perf_counter() - began) * 1000)
        return answer


def value_of(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, (name, page[:2000])
    return found[1]


def begin_run(ann: Person, bob: Person) -> tuple[str, str]:
    """The paths of a plan of all products, and of its run."""
    form = {"once": secrets.token_hex(8), "name": "watched", "sets": "rate = rate * 1.05"}
    plan = ann.post("/a/default/plans", {**form, "customers": CUSTOMERS})
    while "hx-trigger" in ann.get(f"{plan}/progress"):
        time.sleep(0.5)
    bob.post(f"{plan}/approve", {"reason": "to be watched"})
    return plan, ann.post(f"{plan}/apply", {"rate": str(RUN_CALLS_PER_MINUTE)})


def percentile(values: list[float], part: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1]


def report(load: Load, seconds: float) -> None:
    rows = {**load.took_ms, "all": [took for all_ in load.took_ms.values() for took in all_]}
    print(f"{'page':12} {'loads':>6} {'p50':>7} {'p95':>7} {'max':>7}  ms")
    for name, took in rows.items():
        if len(took) > 1:
            figures = percentile(took, 50), percentile(took, 95), max(took)
            print(f"{name:12} {len(took):6}", *(f"{figure:7.0f}" for figure in figures))
    print(f"{load.events} events, {load.plans} plans made in {seconds:.0f} s")
    print(
        "load average", *(f"{load_:.1f}" for load_ in os.getloadavg()), f"on {os.cpu_count()} cores"
    )
    for fault in load.faults[:5]:
        print("failed:", fault)
    p95 = percentile(rows["all"], 95)
    print(f"p95 {p95:.0f} ms, {'below' if p95 < GOAL_MS else 'NOT below'} {GOAL_MS} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--planners", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with ExitStack() as kept:
        stack = kept.enter_context(
            local_stack(
                console=True,
                appendonly=True,
                sandbox={"customers": 400, "calls_per_minute": 0},
                environment={f"{A}CALLS_PER_MINUTE": "600"},
            )
        )
        ann, bob = Person(stack), Person(stack)
        ann.sign_in("ann")
        bob.sign_in("bob")
        plan, run = begin_run(ann, bob)
        load = Load(bob, ann, run, plan)
        print("load average before", *(f"{load_:.1f}" for load_ in os.getloadavg()))
        load.carry_on(given.watchers, given.planners, given.seconds)
        report(load, given.seconds)


if __name__ == "__main__":
    main()
