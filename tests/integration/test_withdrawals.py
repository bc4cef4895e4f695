"""`revio withdraw`: waiting updates are taken back in bulk, and what was sent is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery.result import AsyncResult
from redis import Redis

from revio_jobs import Lane, RevioJobs, UpdateJob, UpdateResult, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import UPDATE_TASK
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.message import encode_message
from tasks.ports import AlreadyEnded
from tests.conftest import Said
from worker.ledger import Auditor, LedgerTimes, RedisLedger

ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
RATE = frozenset({"rate"})
ENDED = {"outcome": "applied", "id": 5001, "calls": 1, "settled_at": "2026-01-01T00:00:00Z"}
REASON = ("--reason", "wrong price list", "--yes")


class Place:
    """Seven updates: a to d wait in bulk, e in interactive; f has a worker, g was sent."""

    def __init__(self, url: str, revio: Callable[..., Said]) -> None:
        self.redis, self.app = Redis.from_url(url), producer_app(url)
        self.ledger = RedisLedger(self.redis, LedgerTimes(60.0), partial(encode_message, self.app))
        self.jobs = RevioJobs.connect(url)
        self.handles: dict[str, Any] = {
            key: self.jobs.update(id=number, rate="1", idempotency_key=key, lane=self.lane(key))
            for number, key in enumerate("abcdefg", 5001)
        }
        self.claim("f")
        sent = self.claim("g").lease
        self.ledger.intend(sent, RATE)
        self.ledger.delay(sent, 600.0, unknown=True)
        self._revio = revio
        self._settings = {"REVIO_REDIS_URL": url} | {
            f"{ACCOUNT}{name}": "x" for name in ("USERNAME", "PASSWORD", "CLIENT_CODE")
        }
        self._settings[f"{ACCOUNT}ENDPOINT"] = "http://127.0.0.1:1/default.asmx"

    def lane(self, key: str) -> Lane:
        return Lane.INTERACTIVE if key == "e" else Lane.BULK

    def claim(self, key: str) -> Any:
        handle = self.handles[key]
        return self.ledger.claim(handle.job, handle.job_id, self.lane(key))

    def withdraw(self, *arguments: str) -> Said:
        return self._revio("withdraw", *arguments, "--json", env=self._settings)

    def audit(self) -> Any:
        return self._revio("audit", "--json", env=self._settings).document["accounts"]["default"]

    def withdrawn(self) -> str:
        """Keys of the updates that have ended."""
        return "".join(key for key in self.handles if self.handles[key].done())

    def age(self, key: str, seconds: float) -> None:
        """The update was accepted that long ago."""
        record = f"revio:default:job:{self.handles[key].job_id}"
        accepted = int(self.redis.hget(record, "accepted") or 0)
        self.redis.hset(record, "accepted", accepted - round(seconds * 1000))


@pytest.fixture
def place(redis_url: str, revio: Callable[..., Said]) -> Iterator[Place]:
    made = Place(redis_url, revio)
    yield made
    made.jobs.close()
    made.redis.close()
    made.app.close()


def keys(updates: list[dict[str, Any]]) -> str:
    return "".join(sorted(update["idempotency_key"] for update in updates))


def test_without_yes_the_updates_are_only_shown(place: Place) -> None:
    result = place.withdraw("--lane", "bulk")
    assert result.code == 0
    assert keys(result.document["would_be_withdrawn"]) == "abcd"
    assert {key["idempotency_key"]: key["reason"] for key in result.document["kept"]} == {
        "f": "a worker has it",
        "g": "it was sent",
    }
    assert place.withdrawn() == ""
    assert place.audit()["withdrawals"] == []


def test_a_lane_is_withdrawn_and_what_was_sent_is_not_touched(place: Place) -> None:
    result = place.withdraw("--lane", "bulk", *REASON)
    assert result.code == 0
    assert keys(result.document["withdrawn"]) == "abcd"
    assert keys(result.document["kept"]) == "fg"
    assert place.withdrawn() == "abcd"
    with pytest.raises(errors.Withdrawn, match=r"withdrawn by .*: wrong price list; nothing"):
        place.handles["a"].result(timeout=1)
    assert isinstance(place.claim("a"), AlreadyEnded)
    assert place.claim("e")
    assert Auditor(place.redis, "default").audit().balances


@pytest.mark.parametrize("way", ["keys", "file", "jobs"])
def test_updates_are_withdrawn_by_name(place: Place, tmp_path: Path, way: str) -> None:
    listed = tmp_path / "keys.txt"
    listed.write_text("a\n\ne\n", encoding="utf-8")
    names = {
        "keys": ("--key", "a", "--key", "e"),
        "file": ("--keys-from", str(listed)),
        "jobs": (place.handles["a"].job_id, place.handles["e"].job_id),
    }[way]
    assert place.withdraw(*names, *REASON).code == 0
    assert place.withdrawn() == "ae"


def test_a_named_update_that_cannot_be_withdrawn_is_an_error(place: Place) -> None:
    result = place.withdraw("--key", "a", "--key", "g", "--key", "nobody's", *REASON)
    assert result.code == 1
    assert {key["reason"] for key in result.document["kept"]} == {
        "it was sent",
        "no such update is known",
    }
    assert place.withdrawn() == "a"


def test_updates_are_withdrawn_by_age(place: Place) -> None:
    place.age("b", 7200)
    place.age("e", 7200)
    place.age("c", 6000)
    assert keys(place.withdraw("--older-than", "2h").document["would_be_withdrawn"]) == "be"
    result = place.withdraw("--older-than", "2h", "--lane", "bulk", *REASON)
    assert keys(result.document["withdrawn"]) == "b"


def test_a_withdrawal_is_audited_with_who_why_and_how_many(place: Place) -> None:
    place.withdraw("--lane", "bulk", *REASON)
    audit = place.audit()
    [entry] = audit["withdrawals"]
    assert (entry["reason"], entry["withdrawn"], entry["kept"]) == ("wrong price list", 4, 2)
    assert entry["selection"] == "lane bulk, accepted over 0 s ago"
    assert entry["by"]
    assert audit["balances"]
    assert audit["ended"] == {"Withdrawn": 4}


def test_a_campaigns_row_is_left_to_its_campaign(place: Place) -> None:
    job = UpdateJob.model_validate(
        {"id": 9, "rate": "1", "idempotency_key": "row", "campaign": {"run": "june"}}
    )
    [place.handles["row"]] = place.jobs.submit([job])
    result = place.withdraw("--key", "row", *REASON)
    assert result.document["kept"][0]["reason"].startswith("it is a row of campaign june")
    assert not place.handles["row"].done()


@pytest.mark.parametrize("compression", [None, "zlib", "bzip2", "lzma"])
def test_raw_messages_that_no_worker_has_seen_are_withdrawn_too(
    place: Place, compression: str | None
) -> None:
    sent = place.app.send_task(
        UPDATE_TASK,
        kwargs={"id": 8, "rate": "1"},
        queue="revio.default.bulk",
        compression=compression,
    )
    shown = place.withdraw("--lane", "bulk")
    assert shown.document["raw_messages"] == 1
    assert place.audit()["not_accepted_yet"] == 1
    stray = {"account": "acme", "id": 9, "rate": "1"}
    place.app.send_task(UPDATE_TASK, kwargs=stray, queue="revio.default.bulk", task_id="stray")
    result = place.withdraw("--lane", "bulk", *REASON)
    assert len(result.document["withdrawn"]) == 5
    with pytest.raises(errors.Withdrawn):
        AsyncResult(sent.id, app=place.app).get(timeout=1)
    # Accepted for its account, it would be executed there, although its own queue refuses it.
    assert not place.redis.exists(LedgerKeys("acme").record("stray"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name either jobs or keys"),
        (("--key", "a", "--lane", "bulk"), "name either jobs or keys"),
        (("--lane", "bulk", "--yes"), "say why"),
        (("--lane", "bulk", "--yes", "--reason", " "), "say why"),
        (("--older-than", "2"), "is not a number with s, m, h or d"),
        (("--keys-from", "/nowhere"), "does not exist"),
    ],
)
def test_an_unclear_wish_is_refused(place: Place, arguments: tuple[str, ...], says: str) -> None:
    result = place.withdraw(*arguments)
    assert result.code == 2
    assert says in result.err
    assert place.withdrawn() == ""


def test_the_next_update_of_the_product_goes_on(place: Place) -> None:
    later = place.jobs.update(id=5001, rate="2", idempotency_key="later", lane=Lane.BULK)
    place.withdraw("--key", "a", *REASON)
    claim = place.ledger.claim(later.job, later.job_id, Lane.BULK)
    place.ledger.settle(
        claim.lease,
        {
            "ok": {
                "outcome": "applied",
                "id": 5001,
                "calls": 1,
                "settled_at": "2026-01-01T00:00:00Z",
            }
        },
        "applied",
        RATE,
    )
    assert isinstance(later.result(timeout=1), UpdateResult)
