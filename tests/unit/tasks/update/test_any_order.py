"""Whatever fails, and in whatever order: one truthful outcome a job, and the last wish wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.decision import Done
from tests.examples import examples

Make = Callable[..., Any]
Plan = list[tuple[Any, ...]]

VENDOR_FAULTS = [
    "",
    "throttled",
    "quota",
    "unavailable",
    "rejected",
    "lost",
    "executed_lost",
    "executed_late",
    "executed_bug",
    "bug",
    "killed_first",
    "killed_unsent",
    "killed_sent",
    "stalled",
]
LEDGER_FAULTS = ["", "", "", "refused", "unheard"]
# Each wish is a value of its own, lest a query prove one job by the work of another.
WISHES = st.tuples(
    st.sampled_from([1, 1, 1, 2]),
    st.sets(st.sampled_from(["rate", "quantity", "code1"]), min_size=1),
)
# More than all faults together can make necessary.
_ROUNDS = 300
STEPS = st.one_of(
    st.tuples(st.just("submit"), WISHES),
    st.tuples(st.just("deliver"), st.integers(0, 4)),
    st.tuples(st.just("deliver"), st.integers(0, 4)),
    st.tuples(st.just("later"), st.sampled_from([1, 15, 30, 45, 75])),
)


class Run:
    """Plays a plan; the rest of it goes on elsewhere while a call is under way."""

    def __init__(self, world: Any, plan: Plan, faults: list[str]) -> None:
        self.world = world
        self.keys: list[str] = []
        self.told: dict[str, list[Any]] = {}
        self._plan = iter(plan)
        self._depth = 0
        world.vendor.faults = iter(faults)
        world.vendor.meanwhile = self._go_on
        for product in (1, 2):
            world.vendor.products[product] = {"customer_product_id": product}

    def play(self) -> None:
        for step in self._plan:
            self._do(*step)

    def finish(self) -> None:
        """The faults go on until they are used up; then every job must end."""
        for _ in range(_ROUNDS):
            if len(self.told) == len(self.keys):
                break
            self.world.later()
            for key in self.keys:
                self._deliver(key)
        self.world.vendor.catch_up()

    def _do(self, name: str, argument: Any) -> None:
        if name == "submit":
            key = f"job{len(self.keys)}"
            product, names = argument
            value = len(self.keys) + 1
            values = {"rate": value, "quantity": value, "code1": key}
            self.world.submit(key, id=product, **{name: values[name] for name in sorted(names)})
            self.keys.append(key)
        elif name == "later":
            # No call outlasts its deadline, which is shorter than a lease.
            self.world.later(1 if self._depth else argument)
        elif self.keys:
            self._deliver(self.keys[argument % len(self.keys)])

    def _deliver(self, key: str) -> None:
        step = self.world.deliver(key)
        if isinstance(step, Done):
            self.told.setdefault(key, []).append(step.outcome)

    def _go_on(self) -> None:
        if self._depth < 2 and (step := next(self._plan, None)):
            self._depth += 1
            self._do(*step)
            self._depth -= 1


def wanted(jobs: dict[str, Any], ends: dict[str, str]) -> dict[tuple[int, str], Any]:
    """By product and field: what the last submitted job asked for that was not refused."""
    last: dict[tuple[int, str], Any] = {}
    for key, job in jobs.items():
        for name, value in job.changes().items():
            if ends[key] != "Rejected":
                last[job.id, name] = value
    return last


def how(outcome: dict[str, Any]) -> str:
    return str(outcome["ok"]["outcome"] if "ok" in outcome else outcome["error"]["type"])


@settings(max_examples=examples(150), deadline=None)
@given(
    plan=st.lists(STEPS, min_size=12, max_size=40),
    vendor=st.lists(st.sampled_from(VENDOR_FAULTS), min_size=6, max_size=20),
    ledger=st.lists(st.sampled_from(LEDGER_FAULTS), max_size=40),
)
def test_every_job_ends_truly_once_and_the_last_wish_wins(
    make_world: Make, plan: Plan, vendor: list[str], ledger: list[str]
) -> None:
    world = make_world(max_attempts=1000, max_crashes=1000, deadline_s=1e9)
    run = Run(world, plan, vendor)
    world.flaky(ledger)
    run.play()
    run.finish()

    outcomes = {key: world.outcome(key) for key in run.keys}
    ends = {key: how(outcome) for key, outcome in outcomes.items()}
    for key, told in run.told.items():
        assert all(outcome == outcomes[key] for outcome in told)
    executions = Counter(product_id.job_id for product_id in world.vendor.executed)
    for key, end in ends.items():
        executed = executions[world.submit(key, **world.jobs[key].kwargs())]
        assert executed == {"applied": 1, "superseded": 0, "Rejected": 0}[end]
    for (product, name), value in wanted(world.jobs, ends).items():
        found = world.vendor.products[product].get(name)
        assert str(value) == str(found).removesuffix(".00")
