"""Dead letters on a real Redis: found, retried in their old place, discarded, bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from redis import Redis

from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import job_id_of
from revio_jobs.message import encode_message
from revio_jobs.reservation_outcome import Attached, New
from tasks.ports import Claimed
from tests.conftest import Revio, Said
from worker.ledger import Auditor, DeadLetters, LedgerTimes, RedisLedger, Wanted, redis_ledger
from worker.ledger.dead_letter_counter import DeadLetterCounter

QUEUE = "revio.default.bulk"
RATE = frozenset({"rate"})
REJECTED = errors.Rejected("E1", "no such rate")
UNKNOWN = errors.OutcomeUnknown("nobody knows")
NO_ACCOUNT = {"error": {"type": "InvalidJob", "args": [["account: not configured"]]}}


class Place:
    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = Redis.from_url(url)
        self.app = producer_app(url)
        self.jobs = RevioJobs.connect(url)
        encode = partial(encode_message, self.app)
        self.ledger = RedisLedger(self.redis, LedgerTimes(60.0), encode)
        self.dead = DeadLetters(self.redis, encode)

    def close(self) -> None:
        self.redis.close()
        self.app.close()
        self.jobs.close()

    def submit(self, key: str, **fields: Any) -> JobHandle[Any]:
        job = UpdateJob(idempotency_key=key, **{"id": 1, "rate": 1, **fields})
        return self.jobs.submit([job], Lane.INTERACTIVE)[0]

    def claim(self, job_id: str, job: UpdateJob) -> Claimed:
        claim = self.ledger.claim(job, job_id, Lane.BULK)
        assert isinstance(claim, Claimed), claim
        return claim

    def fail(self, handle: JobHandle[Any], error: errors.RevioError = REJECTED) -> JobHandle[Any]:
        lease = self.claim(handle.job_id, handle.job).lease
        told = {"type": type(error).__name__, "args": list(error.args)}
        self.ledger.settle(lease, {"error": told}, told["type"], frozenset())
        return handle

    def apply(self, handle: JobHandle[Any]) -> None:
        lease = self.claim(handle.job_id, handle.job).lease
        self.ledger.settle(lease, {"ok": {"outcome": "applied"}}, "applied", RATE)

    def ids(self, **wanted: Any) -> list[str]:
        return [letter.job_id for letter in self.dead.find("default", Wanted(**wanted))]


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    made = Place(redis_url)
    yield made
    made.close()


def test_letters_are_found_by_error_and_time(place: Place) -> None:
    first = place.fail(place.submit("a")).job_id
    time.sleep(0.002)  # letters are told apart by Redis's milliseconds
    second = place.fail(place.submit("b"), UNKNOWN).job_id
    [at] = [letter.failed_at for letter in place.dead.find("default") if letter.job_id == second]
    assert place.ids() == [second, first]
    assert place.ids(error="Rejected") == [first]
    assert place.ids(since=at + 1) == place.ids(until=at - 3600) == place.ids(error="No") == []
    assert set(place.ids(since=at - 3600, until=at + 1)) == {first, second}


def test_a_retry_is_a_new_job_at_the_end_of_the_bulk_lane(place: Place) -> None:
    handle = place.fail(place.submit("a"))
    place.jobs.submit([UpdateJob(id=9, rate=9)], Lane.BULK)
    letter = place.dead.get("default", handle.job_id)
    assert letter
    retried = place.dead.retry(letter)
    assert retried.reservation == New()
    assert retried.job_id == job_id_of("default", f"retry:{handle.job_id}")
    assert place.redis.llen(QUEUE) == 2
    assert retried.job_id.encode() in place.redis.lindex(QUEUE, 0)
    assert place.ids() == []
    assert place.dead.retry(letter) == type(retried)(retried.job_id, Attached())
    with pytest.raises(errors.Rejected):
        handle.result(0)
    assert Auditor(place.redis, "default").audit().balances


def test_a_retry_never_overwrites_what_a_newer_job_has_set(place: Place) -> None:
    dead = place.fail(place.submit("old", rate=10, quantity=3))
    newer = place.submit("new", rate=12)
    place.apply(newer)
    letter = place.dead.get("default", dead.job_id)
    assert letter
    retried = place.dead.retry(letter)
    again = UpdateJob(idempotency_key=f"retry:{dead.job_id}", id=1, rate=10, quantity=3)
    assert place.claim(retried.job_id, again).newer == {"rate": newer.job_id}


def test_the_oldest_go_when_there_are_too_many(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_ledger, "DEAD_LETTERS_KEPT", 2)
    failed = [place.fail(place.submit(str(number))).job_id for number in range(4)]
    assert len(place.ids()) == 2
    assert set(place.ids()) < set(failed)
    assert len(place.redis.keys("revio:default:dead:*")) == 2


def counts(place: Place) -> Mapping[str, int]:
    return DeadLetterCounter(place.redis, "default").count()


def test_letters_are_counted_by_error_until_they_are_discarded_or_expire(place: Place) -> None:
    first = place.fail(place.submit("a")).job_id
    place.fail(place.submit("b"), UNKNOWN)
    place.ledger.bury(UpdateJob(id=2, rate=1), "c", Lane.BULK, NO_ACCOUNT, "InvalidJob")
    assert counts(place) == {"Rejected": 1, "OutcomeUnknown": 1, "InvalidJob": 1}
    assert place.dead.discard("default", first)
    assert not place.dead.discard("default", first)
    assert counts(place) == {"OutcomeUnknown": 1, "InvalidJob": 1}
    place.redis.hset("revio:default:dead_kinds", "OutcomeUnknown", 1)
    time.sleep(0.002)
    assert counts(place) == {"InvalidJob": 1}


def test_the_oldest_letters_leave_their_counts_when_there_are_too_many(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_ledger, "DEAD_LETTERS_KEPT", 2)
    for number, error in enumerate([REJECTED, REJECTED, UNKNOWN]):
        place.fail(place.submit(str(number)), error)
        time.sleep(0.002)
    assert counts(place) == {"Rejected": 1, "OutcomeUnknown": 1}


def test_letters_of_a_release_that_kept_no_counts_are_counted(place: Place) -> None:
    place.fail(place.submit("a"))
    place.redis.delete("revio:default:dead_kinds", "revio:default:dead_by:Rejected")
    place.fail(place.submit("b"), UNKNOWN)
    assert counts(place) == {"Rejected": 1, "OutcomeUnknown": 1}


def test_counting_letters_costs_the_same_however_many_there_are(place: Place) -> None:
    def commands() -> int:
        return int(place.redis.info("stats")["total_commands_processed"])

    def cost() -> int:
        before = commands()
        Auditor(place.redis, "default").balance()
        return commands() - before

    handles = [place.fail(place.submit(str(number))) for number in range(2)]
    cost()
    few = cost()
    many = {f"letter-{number}": number for number in range(10_000)}
    score = place.redis.zscore("revio:default:dead", handles[0].job_id)
    for key in ("revio:default:dead", "revio:default:dead_by:Rejected"):
        place.redis.zadd(key, dict.fromkeys(many, score))
    assert counts(place) == {"Rejected": 10_002}
    assert cost() == few


def die_again(place: Place, key: str, **fields: Any) -> JobHandle[Any]:
    """The key of an update that was retried, of another one after its time."""
    place.redis.delete(f"revio:default:job:{job_id_of('default', key)}")
    return place.fail(place.submit(key, **fields))


@pytest.mark.parametrize(
    ("fields", "says"), [({}, "which has ended"), ({"rate": 2}, "is of another change")]
)
def test_a_letter_stays_if_its_retry_submits_nothing(
    place: Place, run: Any, fields: Mapping[str, int], says: str
) -> None:
    handle = place.fail(place.submit("weekly"))
    retried = run("retry", handle.job_id, "--json").document["retried"][0]["retried_as"]
    job = UpdateJob(id=1, rate=1, idempotency_key=f"retry:{handle.job_id}")
    lease = place.claim(retried, job).lease
    place.ledger.settle(lease, {"ok": {"outcome": "applied"}}, "applied", RATE)
    again = die_again(place, "weekly", **fields)
    refused = run("retry", again.job_id, "--json")
    assert (refused.code, refused.document["retried"]) == (1, [])
    [left] = refused.document["left"]
    assert (says in left["reason"], retried in left["reason"]) == (True, True)
    assert place.ids() == [again.job_id]


def test_a_payload_of_a_newer_release_can_be_seen_and_not_retried(place: Place) -> None:
    handle = place.fail(place.submit("a"))
    payload = '{"account": "default", "id": 1, "mood": "good"}'
    place.redis.hset(f"revio:default:dead:{handle.job_id}", "payload", payload)
    [letter] = place.dead.find("default")
    assert letter.payload["mood"] == "good"
    with pytest.raises(errors.InvalidJob, match="mood"):
        place.dead.retry(letter)
    assert place.ids() == [handle.job_id]


def test_a_job_that_was_never_accepted_is_retried_like_a_new_one(place: Place) -> None:
    job = UpdateJob(id=1, rate=1, idempotency_key="k")
    place.ledger.bury(job, "raw", Lane.BULK, NO_ACCOUNT, "InvalidJob")
    place.apply(place.submit("newer"))
    [letter] = place.dead.find("default")
    retried = place.dead.retry(letter)
    again = job.model_copy(update={"idempotency_key": "retry:raw"})
    assert place.claim(retried.job_id, again).newer == {}


@pytest.fixture
def run(place: Place, revio: Revio) -> Any:
    def dead(*arguments: str) -> Said:
        return revio("dead", *arguments, env={"REVIO_REDIS_URL": place.url})

    return dead


def test_the_command_lists_and_shows(place: Place, run: Any) -> None:
    handle = place.submit("a")
    lease = place.claim(handle.job_id, handle.job).lease
    place.ledger.delay(lease, 0, unknown=False, why="Unavailable: HTTP 503")
    place.fail(handle)
    place.fail(place.submit("b"), UNKNOWN)
    listed = run("list", "--error", "Rejected", "--since", "2020-01-01", "--json").document
    [letter] = listed["dead_letters"]
    assert letter["error"] == {
        "type": "Rejected",
        "message": "the vendor refused (E1): no such rate",
    }
    assert (letter["product_id"], letter["idempotency_key"], letter["lane"]) == (
        1,
        "a",
        "interactive",
    )
    assert [attempt["error"] for attempt in letter["history"]] == ["Unavailable: HTTP 503"]
    cut = run("list", "--limit", "1", "--json").document
    assert (len(cut["dead_letters"]), cut["has_more"]) == (1, True)
    assert "only the newest 1 are shown; --limit shows more" in run("list", "--limit", "1").out
    assert not listed["has_more"]
    assert "--limit" not in run("list").out
    shown = run("show", handle.job_id)
    assert shown.code == 0
    assert all(word in shown.out for word in ("HTTP 503", "no such rate", "payload: rate"))
    assert "no such dead letters" in run("list", "--until", "2020-01-01").out
    assert run("show", "nobody").code == 1


def test_the_command_retries_what_is_named_or_filtered(place: Place, run: Any) -> None:
    handles = [place.fail(place.submit(str(number), id=number)) for number in range(1, 4)]
    named = run("retry", handles[1].job_id, "--json")
    assert (named.code, len(named.document["retried"])) == (0, 1)
    again = run("retry", handles[1].job_id)
    assert (again.code, "no dead letter" in again.err) == (1, True)
    rest = run("retry", "--error", "Rejected", "--json").document
    # In the order in which they failed.
    assert [entry["job_id"] for entry in rest["retried"]] == [
        handles[0].job_id,
        handles[2].job_id,
    ]
    assert place.ids() == []


def test_what_the_vendor_may_have_executed_is_retried_only_when_asked_for(
    place: Place, run: Any
) -> None:
    handle = place.fail(place.submit("a"), UNKNOWN)
    refused = run("retry", "--all")
    assert (refused.code, "--even-unknown" in refused.out) == (1, True)
    assert place.ids() == [handle.job_id]
    assert run("retry", "--all", "--even-unknown").code == 0
    assert place.ids() == []


def test_a_campaigns_rows_are_left_to_the_campaign(place: Place, run: Any) -> None:
    place.fail(place.submit("a", campaign={"run": "june-1"}))
    refused = run("retry", "--all")
    assert (refused.code, "campaign june-1" in refused.out) == (1, True)


def test_the_command_discards_and_the_outcome_stays(place: Place, run: Any) -> None:
    handle = place.fail(place.submit("a"))
    place.fail(place.submit("b"), UNKNOWN)
    assert run("discard", "--error", "Rejected", "--json").document["discarded"] == [handle.job_id]
    assert len(place.ids()) == 1
    found = place.jobs.find("default", "a")
    assert found
    with pytest.raises(errors.Rejected):
        found.result(0)
    assert run("discard", "--all").code == 0
    assert place.ids() == []


@pytest.mark.parametrize("command", ["retry", "discard"])
@pytest.mark.parametrize("arguments", [(), ("job", "--all")])
def test_it_must_be_clear_which_are_meant(
    run: Any, command: str, arguments: tuple[str, ...]
) -> None:
    result = run(command, *arguments)
    assert (result.code, "--all" in result.err) == (2, True)


def test_a_time_counts_in_its_own_zone_and_a_number_is_not_a_time(place: Place, run: Any) -> None:
    place.fail(place.submit("a"))
    hour = timedelta(hours=1)
    east = datetime.now(timezone(9 * hour))
    since = [(east + away * hour).isoformat(timespec="seconds") for away in (-1, 1)]
    counts = [len(run("list", "--since", at, "--json").document["dead_letters"]) for at in since]
    assert counts == [1, 0]
    for number in ("2026", "1767225600"):
        refused = run("discard", "--until", "2026-01-01", "--since", number)
        assert (refused.code, f"'{number}' is not a time" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("error", "hint"),
    [("rejected", "did you mean Rejected?"), ("Unavailabel", "did you mean Unavailable?")],
)
def test_a_mistyped_class_of_error_is_not_taken_for_one_without_letters(
    run: Any, error: str, hint: str
) -> None:
    for command in ("list", "retry", "discard"):
        result = run(command, "--error", error)
        assert (result.code, result.out, hint in result.err) == (2, "", True)
