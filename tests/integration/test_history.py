"""Updates that have ended, as files in which a missing or altered line shows."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from revio_jobs import Lane, RevioJobs, UpdateJob, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.message import encode_message
from tests.conftest import Revio, Said
from worker.ledger import LedgerTimes, RedisLedger

REJECTED = errors.Rejected("E1", "no such rate")
HISTORY = LedgerKeys("default").history


class Place:
    def __init__(self, url: str, revio: Revio, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "history.jsonl"
        self.redis = Redis.from_url(url)
        self._revio = partial(revio, env={"REVIO_REDIS_URL": url})
        self._app = producer_app(url)
        self._jobs = RevioJobs.connect(url)
        self._ledger = RedisLedger(
            self.redis, LedgerTimes(60.0), partial(encode_message, self._app)
        )

    def close(self) -> None:
        self.redis.close()
        self._app.close()
        self._jobs.close()

    def end(self, key: str, error: errors.RevioError | None = None, **fields: Any) -> None:
        job = UpdateJob(idempotency_key=key, **{"id": 5001, "rate": "12.50", **fields})
        [handle] = self._jobs.submit([job], Lane.INTERACTIVE)
        claim: Any = self._ledger.claim(job, handle.job_id, Lane.INTERACTIVE)
        how = type(error).__name__ if error else "applied"
        told = {"type": how, "args": list(error.args)} if error else None
        outcome = {"error": told} if error else {"ok": {"outcome": "applied", "id": 5001}}
        self._ledger.settle(claim.lease, outcome, how, frozenset())

    def history(self, *arguments: object) -> Said:
        return self._revio("history", *map(str, arguments))

    def export(self) -> list[dict[str, Any]]:
        self.file.unlink(missing_ok=True)
        assert self.history("export", "-o", self.file).code == 0
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def rewrite(self, *lines: dict[str, Any]) -> None:
        texts = (json.dumps(line, sort_keys=True, separators=(",", ":")) for line in lines)
        self.file.write_text("".join(f"{text}\n" for text in texts))


@pytest.fixture
def place(redis_url: str, revio: Revio, tmp_path: Path) -> Iterator[Place]:
    opened = Place(redis_url, revio, tmp_path)
    yield opened
    opened.close()


def test_a_line_says_what_was_changed_by_whom_and_how_it_ended(place: Place) -> None:
    place.end(
        "k1", campaign={"run": "july", "read_at": 1.0}, expected={"rate": "10"}, source="portal"
    )
    place.end("k2", REJECTED)
    applied, rejected = place.export()
    assert (applied["idempotency_key"], applied["run"], applied["product"]) == ("k1", "july", 5001)
    assert (applied["source"], rejected["source"]) == ("portal", None)
    assert (applied["changes"], applied["expected"]) == ({"rate": "12.50"}, {"rate": "10"})
    assert (applied["outcome"], applied["error"]) == ("applied", None)
    assert applied["accepted_at"] <= applied["ended_at"]
    assert (rejected["outcome"], rejected["error"]["args"]) == ("Rejected", list(REJECTED.args))
    assert [applied["number"], rejected["number"]] == [1, 2]
    assert rejected["previous"] == applied["digest"]


def test_only_what_ended_since_is_exported(place: Place) -> None:
    place.end("k1")
    [first] = place.export()
    time.sleep(1.1)
    place.end("k2")
    place.file.unlink()
    started = first["ended_at"][:19]
    later = f"{started[:-2]}{int(started[-2:]) + 1:02}" if int(started[-2:]) < 59 else None
    place.history("export", "--since", later or started, "-o", place.file)
    keys = [json.loads(line)["idempotency_key"] for line in place.file.read_text().splitlines()]
    assert keys == (["k2"] if later else ["k1", "k2"])


def test_an_export_says_what_redis_has_forgotten_of_its_time(place: Place) -> None:
    for key in ("k1", "k2"):
        place.end(key)
    assert place.history("export", "-o", place.file).err == ""
    [(first, _), _] = place.redis.xrange(HISTORY)
    place.redis.xdel(HISTORY, first)
    place.file.unlink()
    told = place.history("export", "-o", place.file).err
    assert "no update any more that ended before update 2, " in told


def test_a_file_is_not_overwritten(place: Place) -> None:
    place.file.write_text("precious")
    ended = place.history("export", "-o", place.file)
    assert (ended.code, place.file.read_text()) == (2, "precious")
    assert "exists" in ended.err


def test_a_whole_history_is_verified(place: Place) -> None:
    for key in ("k1", "k2", "k3"):
        place.end(key)
    digest = place.export()[-1]["digest"]
    ended = place.history("verify", place.file, "--digest", digest, "--json")
    assert ended.code == 0
    assert ended.document == {
        "updates": 3,
        "follows": "0" * 64,
        "digest": digest,
        "problems": [],
    }


def test_whatever_is_done_to_a_line_shows(place: Place) -> None:
    for key in ("k1", "k2", "k3"):
        place.end(key)
    one, two, three = place.export()
    for lines, where, what in (
        ((one, {**two, "changes": {"rate": "1"}}, three), ":2", "was altered"),
        ((one, three), ":2", "lines are missing"),
        ((one, three, two), ":2", "or were moved"),
        ((one, one, two, three), ":2", "is update 1, where update 2 is expected"),
        ((one, {"number": 2}, three), ":2", "is not a line of a history"),
    ):
        place.rewrite(*lines)
        ended = place.history("verify", place.file)
        assert (ended.code, where in ended.err, what in ended.err) == (1, True, True), what
    place.rewrite(one, two)
    assert place.history("verify", place.file).code == 0
    ended = place.history("verify", place.file, "--digest", three["digest"])
    assert (ended.code, "missing at the end" in ended.err) == (1, True)


def files_of(place: Place) -> list[Path]:
    return sorted((place.directory / "kept").glob("*.jsonl"))


def follow(place: Place) -> Said:
    return place.history("follow", place.directory / "kept", "--once")


def test_what_redis_forgets_stays_in_the_files_that_are_gone_on_with(place: Place) -> None:
    place.end("k1")
    assert follow(place).code == 0
    place.redis.delete(HISTORY)
    place.end("k2")
    assert follow(place).code == 0
    assert follow(place).code == 0
    ended = place.history("verify", *files_of(place), "--json")
    assert (ended.code, ended.document["updates"]) == (0, 2)


def test_a_clock_set_back_over_midnight_breaks_no_chain(place: Place) -> None:
    folder = place.directory / "h"
    place.end("k1")
    entries: Any = place.redis.xrange(HISTORY)
    [(_, first)] = entries
    for number, away_ms in ((2, 0), (3, -86_400_000), (4, -86_400_000), (5, 0)):
        again = {**first, b"number": number, b"at": int(first[b"at"]) + away_ms}
        place.redis.xadd(HISTORY, again)
        if number != 2:
            assert place.history("follow", folder, "--once").code == 0
    files = sorted(folder.glob("*.jsonl"))
    verified = place.history("verify", *files, "--json")
    assert (verified.code, verified.document["updates"]) == (0, 5)


def test_a_line_that_was_cut_off_is_written_again(place: Place) -> None:
    place.end("k1")
    place.end("k2")
    follow(place)
    [file] = files_of(place)
    file.write_bytes(file.read_bytes()[:-40])
    assert follow(place).code == 0
    ended = place.history("verify", file, "--json")
    assert (ended.code, ended.document["updates"]) == (0, 2)


def test_what_was_lost_while_nobody_followed_is_loud(place: Place) -> None:
    place.end("k1")
    follow(place)
    place.end("k2")
    place.redis.delete(HISTORY)
    place.end("k3")
    ended = follow(place)
    assert (ended.code, "updates 2 to 2 are lost" in ended.err) == (1, True)
    ended = place.history("verify", *files_of(place))
    assert (ended.code, "is update 3, where update 2 is expected" in ended.err) == (1, True)


def test_one_process_writes_into_a_directory(place: Place) -> None:
    follow(place)
    with (place.directory / "kept" / ".default.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = follow(place)
    assert (ended.code, "another process" in ended.err) == (2, True)


def test_a_history_is_kept_for_as_long_as_results(place: Place) -> None:
    old = int((time.time() - 2 * 86_400) * 1000)
    for number in range(500):
        place.redis.xadd(HISTORY, {"old": number}, id=f"{old}-{number + 1}")
    place.end("k1")
    assert place.redis.xlen(HISTORY) < 200
