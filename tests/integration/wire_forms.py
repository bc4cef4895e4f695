"""Everything that a release writes for other processes to read, in a form to compare.

    python -m tests.integration.wire_forms

Each scene writes to an empty Redis by the parts that do so in production; its form is all of that
Redis, with the values that differ from run to run replaced by their kind.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

import structlog
from celery.utils.collections import LimitedSet
from kombu import Connection
from pydantic import SecretStr
from redis import Redis

from campaigns.guard_rails.rails import Rails
from campaigns.rows.ended_row import EndedRow, RowOutcome
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.run.request import stages
from campaigns.run.spec import RunSpec
from campaigns.run.state import RunStep, Status
from campaigns.store import Approval, OperatorStore, RedisRuns
from campaigns.store.run_codec import dump_gate
from certification.certificate import Certificate
from certification.store import Certificates
from revio_jobs import Lane, QueryJob, RevioJobs, UpdateJob, errors
from revio_jobs.celery_app import lane_queue, producer_app
from revio_jobs.contracts import (
    UPDATE_TASK,
    QueryResult,
    UpdateResult,
    job_id_of,
)
from revio_jobs.message import encode_message
from sandbox.local.embedded_redis import embedded_redis
from settings import AccountSettings
from tasks.ports import Call, Claimed, Purpose
from tests.day_reset import in_half_a_day
from tests.patience import PATIENCE_S
from worker.celery_app.oversight import Oversight
from worker.celery_app.result_backend import REDIS_URL, backend_url
from worker.celery_app.revocations import Revocations
from worker.celery_app.transport import Transport
from worker.ledger import LedgerTimes, RedisLedger, Selection, Sweeper, Withdrawals
from worker.limiter import DayEnds, LanePauses, LimitRules, Pause, RedisLimiter
from worker.limiter.limits_drift import PublishedLimits
from worker.redis_kit.result_pages import RedisPages
from worker.soap.session.sessions import Session
from worker.soap.session.store import RedisSessionStore
from worker.soap.wsdl.state import RedisWsdlStates, WsdlState
from worker.wiring.campaigns import note_clearable

SESSION_KEY = SecretStr("3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
UPDATE = UpdateJob(
    id=5001,
    idempotency_key="k",
    rate=Decimal("12.50"),
    quantity=2,
    description="a line",
    code1="a",
    activated_date=date(2026, 1, 31),
    do_not_prorate=True,
    clear=("code2",),
    expected={"rate": "10.00"},
    skip_unchanged=True,
    source="billing",
)
TIMES = LedgerTimes(lease_s=45.0, quiet_s=10.0)
RULES = LimitRules(calls_per_minute=1, calls_per_day=900, day_reset_hour=int(in_half_a_day()))
ACCOUNT = AccountSettings(
    endpoint="http://127.0.0.1:8080/v20/default.asmx",
    username="jobs",
    password=SecretStr("hunter2-hunter2"),
    client_code="acme",
)
RUN = "june-1a2b3c4d5e"
NOW = 1_800_000_000.0


@dataclass
class Writers:
    """The parts that write, on one Redis."""

    url: str
    redis: Redis
    ends: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.jobs = self.ends.enter_context(RevioJobs.connect(self.url))
        self.app = self.ends.enter_context(producer_app(self.url))
        self.app.conf.result_backend = backend_url(self.url)
        self.app.conf.result_backend_transport_options |= {REDIS_URL: self.url}
        self.ledger = RedisLedger(self.redis, TIMES, partial(encode_message, self.app))
        self.limiter = RedisLimiter(self.redis, {"default": RULES})
        self.runs = RedisRuns(self.redis, lease_s=30, keep_s=3600, clock=lambda: NOW)
        self.store = OperatorStore(self.redis, "default", keep_s=3600, clock=lambda: NOW)

    def submit(self, job: UpdateJob = UPDATE) -> None:
        self.jobs.submit([job], Lane.BULK)

    def claimed(self, job: UpdateJob = UPDATE) -> Claimed:
        claim = self.ledger.claim(job, job_id_of("default", str(job.idempotency_key)), Lane.BULK)
        assert isinstance(claim, Claimed), claim
        return claim

    def start_run(self) -> None:
        rows = [planned_row(at) for at in range(4)]
        spec = RunSpec(RUN, "default", "june", "digest", 4, stages(4, (1,)), facts={"by": "ann"})
        gate = dump_gate(Rails(), {}, "2026-02-01")
        self.store.start(spec, rows, gate=gate, rate=8.0, weight=2, by="ann", reason="new prices")


def planned_row(at: int) -> PlannedRow:
    before, after = {"rate": "10.0000"}, {"rate": "10.50"}
    seen = {"status": "ACTIVE", "rate": "10.0000", "quantity": 1}
    return PlannedRow(RowClass.CHANGE, at + 2, 5000 + at, before, after, seen=seen)


def submitted(write: Writers) -> None:
    write.submit()
    write.jobs.query(ids=[5001], customer_ids=[7], max_age=5, lane=Lane.INTERACTIVE)


def taken(write: Writers) -> None:
    """By a worker: one message is held, the other one comes again later."""
    write.submit()
    raw = {"id": 5002, "rate": "1"}
    write.app.send_task(UPDATE_TASK, kwargs=raw, queue="revio.default.bulk", task_id="raw")
    connection = write.ends.enter_context(Connection(write.url, transport=Transport))
    messages: list[Any] = []
    bulk = lane_queue("default", Lane.BULK)
    consumer = connection.Consumer([bulk], no_ack=False, on_message=messages.append)
    consumer.consume()
    while len(messages) < 2:
        connection.drain_events(timeout=PATIENCE_S)
    later = next(message for message in messages if message.headers["id"] == "raw")
    later.channel.qos.put_off(later.delivery_tag, 3600.0, count=True)
    later.requeue()


def revoked(write: Writers) -> None:
    Revocations(write.redis, LimitedSet(maxlen=10), 3600.0).note(["raw"])


def claimed(write: Writers) -> None:
    write.submit()
    write.claimed()


def sent(write: Writers) -> None:
    write.submit()
    write.ledger.intend(write.claimed().lease, frozenset({"rate", "quantity"}))


def delayed(write: Writers) -> None:
    write.submit()
    lease = write.claimed().lease
    write.ledger.intend(lease, frozenset({"rate"}))
    write.ledger.delay(lease, 5.0, unknown=True, why="no answer")


def parked(write: Writers) -> None:
    write.submit()
    write.claimed()
    later = UpdateJob(id=5001, idempotency_key="later", rate="13")
    write.submit(later)
    write.ledger.claim(later, job_id_of("default", "later"), Lane.BULK)


def applied(write: Writers) -> None:
    write.submit()
    lease = write.claimed().lease
    write.ledger.settle(
        lease, {"ok": {"outcome": "applied", "verified": False}}, "applied", frozenset({"rate"})
    )


def failed(write: Writers) -> None:
    write.submit()
    error = {"error": {"type": "Rejected", "args": ["S1", "denied"]}}
    write.ledger.settle(write.claimed().lease, error, "Rejected", frozenset())


def withdrawn(write: Writers) -> None:
    withdrawals = Withdrawals(write.redis, write.ledger, "default")
    write.submit()
    for update in withdrawals.find(selection := Selection(keys=("k",))):
        withdrawals.withdraw(update, "a mistake", "ann")
    withdrawals.record(selection, "a mistake", "ann", withdrawn=1, kept=0)


def results(write: Writers) -> None:
    backend = write.app.backend
    backend.mark_as_done("update", {"outcome": "applied", "verified": True})
    backend.mark_as_failure("refused", errors.Rejected("S1", "denied"))
    RedisPages(write.redis, 3600).store("default", "large", [zlib.compress(b"[]")])


def called(write: Writers) -> None:
    call = Call("default", Lane.INTERACTIVE, Purpose.UPDATE)
    granted = write.limiter.admit(call)
    write.limiter.answered(granted.permit)  # type: ignore[union-attr]
    write.limiter.admit(call, patience_s=100.0)
    write.limiter.report("default", healthy=False)
    write.limiter.pause("default", 30.0, "429")
    write.limiter.close("default", "the vendor refused the login")


def operated(write: Writers) -> None:
    LanePauses(write.redis).pause("default", Lane.BULK, Pause("prices", "ann", datetime.now(UTC)))
    DayEnds(write.redis).note("default", NOW)
    PublishedLimits(write.redis, {"default": ACCOUNT}, "bulk@host").publish()
    Sweeper(
        write.redis, write.ledger.republisher, ["default"], interval_s=10, lost_after_s=60
    ).sweep()
    states = RedisWsdlStates(write.redis)
    states.save("default", WsdlState("digest", {"rate": "required"}, NOW))
    states.claim("default", "check", 60.0)
    sessions = RedisSessionStore(write.redis, SESSION_KEY)
    sessions.save("default", Session(SecretStr("key"), NOW, "id"), 60.0)
    sessions.join("default", "host")
    sessions.remember_refused_login("default", "digest")
    rate = SimpleNamespace(name="rate", can_clear=True)
    note_clearable(write.redis, "default", SimpleNamespace(changes={"rate": rate}))  # type: ignore[arg-type]
    Certificates(write.redis).save(
        Certificate("default", NOW, "digest", "user", 3, is_read_only=True, sections=())
    )


def campaign_started(write: Writers) -> None:
    write.store.plans.approve("june", RUN, Approval("digest", "bob", NOW, "fine"))
    write.store.plans.send_back(RUN, Approval("other", "bob", NOW, "too high"))
    write.start_run()


def campaign_fed(write: Writers) -> None:
    write.start_run()
    write.runs.lease("default", "token")
    ended = (
        EndedRow(0, RowOutcome.APPLIED, NOW),
        EndedRow(1, RowOutcome.FAILED, NOW, {"error": "Rejected", "says": "denied"}),
    )
    begun = RunStep(sent={0: 1, 1: 1, 2: 1}, cursor=3, waits="a pause")
    write.runs.record("default", RUN, "token", begun)
    write.runs.record("default", RUN, "token", RunStep(ended=ended, todo={3: 1}, checked=1))
    write.runs.stop("default", RUN, "token", Status.HALTED, "too many failed")


def unfed(write: Writers) -> None:
    """Nobody feeds a run, which is told once for the whole fleet."""
    write.start_run()
    oversight = Oversight(write.redis, ["default"])
    for _ in range(2):
        oversight.check()


SCENES: tuple[Callable[[Writers], None], ...] = (
    submitted,
    taken,
    revoked,
    claimed,
    sent,
    delayed,
    parked,
    applied,
    failed,
    withdrawn,
    results,
    called,
    operated,
    campaign_started,
    campaign_fed,
    unfed,
)


def wire_forms(url: str) -> dict[str, Any]:
    """By scene, the keys of Redis with their contents; and the schemas of jobs and results."""
    with Redis.from_url(url) as redis:
        scenes = {scene.__name__: _form_of(scene, url, redis) for scene in SCENES}
    kinds = (QueryJob, UpdateJob, QueryResult, UpdateResult)
    schemas = {kind.__name__: _rules(kind.model_json_schema()) for kind in kinds}
    return {**scenes, "schemas": schemas}


def _rules(schema: Any) -> Any:
    """A schema without what only explains it."""
    match schema:
        case dict():
            words = {"description", "title", "examples"}
            return {
                name: _rules(part)
                for name, part in schema.items()
                if name not in words or isinstance(part, dict)
            }
        case list():
            return [_rules(part) for part in schema]
    return schema


def _form_of(scene: Callable[[Writers], None], url: str, redis: Redis) -> dict[str, Any]:
    redis.flushall()
    write = Writers(url, redis)
    with write.ends:
        scene(write)
        return {
            _constant(key.decode()): _content(redis, key)
            for key in sorted(redis.scan_iter())
            if not key.startswith(b"_kombu")
        }


def dump(forms: dict[str, Any]) -> str:
    """As JSON with a key per line, so that a change is seen as one."""
    scenes = (
        f"{json.dumps(scene)}: {{\n"
        + ",\n".join(f" {json.dumps(key)}: {json.dumps(form)}" for key, form in keys.items())
        + "\n}"
        for scene, keys in forms.items()
    )
    return "{\n" + ",\n".join(scenes) + "\n}\n"


def _content(redis: Redis, key: bytes) -> Any:
    kind = redis.type(key).decode()
    read: dict[str, Callable[[bytes], Any]] = {
        "string": redis.get,
        "hash": redis.hgetall,
        "list": lambda key: redis.lrange(key, 0, -1),
        "set": lambda key: sorted(redis.smembers(key)),
        "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        "stream": lambda key: [fields for _, fields in redis.xrange(key)],
    }
    ends = "and ends" if redis.ttl(key) >= 0 else "and stays"
    return [kind, ends, _plain(read[kind](key))]


_OWN = {"delivery_tag", "reply_to", "origin", "date_done", "version", "correlation_id"}
_OWN |= {"spent", "way", "clock_s"}
"""What differs from run to run, by the name of the field."""


def _plain(value: Any, name: str = "") -> Any:
    """As JSON, with numbers and names that differ from run to run as what they are."""
    match value:
        case dict():
            return {
                _constant(_decoded(at)): _plain(item, _decoded(at))
                for at, item in sorted(value.items(), key=lambda pair: _decoded(pair[0]))
            }
        case list() | tuple():
            return [_plain(item, name) for item in value]
        case bytes():
            return _plain(_decoded(value), name)
        case _ if name in _OWN:
            return "<own>"
        case str():
            return _text(value, name)
        case int() | float() if not isinstance(value, bool):
            return _number(value)
    return value


def _text(value: str, name: str) -> Any:
    if name == "body":
        return _text(base64.b64decode(value).decode(), "")
    if re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", value):
        number = _number(float(value))
        return number if isinstance(number, str) else value
    begins, lines, rest = value.partition("\n")
    if lines and rest.startswith("{"):
        return [begins, _text(rest, "")]
    if value[:1] in "{[" and value[:1]:
        try:
            return _plain(json.loads(value))
        except ValueError:
            return value
    return _constant(value)


def _number(value: float) -> Any:
    """Moments since 1970 by their unit; a moment of ours is a constant."""
    for unit, at in (("min", 1.6e9 / 60), ("s", 1.6e9), ("ms", 1.6e12), ("us", 1.6e15)):
        if at < abs(value) < 2 * at and value != NOW:
            return f"<{unit}>"
    return value


def _constant(text: str) -> str:
    if text.isdigit():
        return str(_number(int(text)))
    text = re.sub(r"\b[0-9a-f]{12}\.\d+\b", "<tag>", text)
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}\b", "<uuid>", text)
    text = re.sub(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{32}\b", "<hex>", text)
    text = re.sub(r"@\d{15,}", "@<us>", text)
    text = re.sub(r"gAAAA[\w-]+=*", "<encrypted>", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:.+]+", "<moment>", text)
    return re.sub(r"(?<=:day:)\d{10}", "<s>", text)


def _decoded(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        pass
    try:
        return f"zlib of {zlib.decompress(value).decode()}"
    except zlib.error:
        return f"bytes {value.hex(' ')}"


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with embedded_redis() as server:
        print(dump(wire_forms(server.url)), end="")  # noqa: T201 - it is a command
