"""Makes one plan, in a process of its own: `python -m console.plans.planning DIRECTORY`.

The console may die meanwhile, and this process may: neither takes the other down.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from campaigns import CampaignError, Only, Planned, PlanRequest, Rounding, UndoReport
from campaigns.errors import InputError
from campaigns.guard_rails.rails import Level
from campaigns.plan.review import Review
from campaigns.signing import SigningKey
from campaigns.source.file_kind import kind_of
from campaigns.source.options import HiddenRows, Rates, ReadOptions
from cli.campaign.options import BadOption, day, owners_of, pairs
from cli.campaign.outcome_tables import undo_document
from cli.campaign.outlook import Outlook
from cli.campaign.planning import mapping_of, rails_of, rules_of
from cli.campaign.session import CampaignSession, session_of
from cli.connection import redis_of
from cli.producer import app_of
from cli.tables import counted
from console.plans.column_look import sampled_columns
from console.plans.record import (
    LEFT,
    LEFT_OUT,
    PAGE,
    PLAN,
    REVIEW,
    ROWS,
    WORKBOOK,
    Outcome,
    Record,
    Wanted,
)
from console.plans.review_document import review_document
from console.plans.row_index import RowIndex
from revio_jobs import RevioJobs
from revio_jobs.errors import RevioError
from settings import Settings, load

FAILED = "failed"
_PROGRESS_S = 0.5
_NICENESS = 5


def main(directory: Path) -> None:
    """Plan what the record asks for, unless somebody else does or has."""
    record = Record(directory)
    os.nice(_NICENESS)  # pages come first
    with record.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if record.outcome is None:
            record.end(_outcome(record))


def _outcome(record: Record) -> Outcome:
    """What is raised beside is not the asker's to know: the pool logs it."""
    try:
        settings = load()
        _limit_memory(settings.console_planning_bytes)
        return _planned(settings, record)
    except InputError as exc:
        return _unread(record, str(exc))
    except (CampaignError, RevioError, BadOption) as exc:
        return _failed(record, str(exc))
    except RedisError as exc:
        return _failed(record, f"Redis: {exc}")
    except OSError as exc:
        return _failed(record, f"a file cannot be read or written: {exc.strerror}")
    except MemoryError:
        return _failed(record, "the file takes more memory than a plan may: split it")


def _limit_memory(most: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _planned(settings: Settings, record: Record) -> Outcome:
    wanted = record.wanted
    waits: list[str] = [""]
    redis = redis_of(settings)
    with RevioJobs(app_of(settings), redis) as jobs:
        session = session_of(
            settings,
            redis,
            jobs,
            wanted.account,
            lambda says: waits.__setitem__(0, says),
            key=SigningKey.derived(settings.console_secret.get_secret_value())
            if settings.console_secret
            else None,
        )
        with _progress(record, session, waits):
            planned, left = _plan(session, record, wanted)
            return _ended(session, record, planned, left)


def _plan(
    session: CampaignSession, record: Record, wanted: Wanted
) -> tuple[Planned, UndoReport | None]:
    campaigns, to = session.campaigns, record.file(PLAN)
    match wanted.kind:
        case "retry":
            overrides = pairs("overrides", wanted.fields.get("overrides"))
            request = PlanRequest(
                wanted.name, wanted.author, overrides=overrides, includes_disconnected=True
            )
            return campaigns.retry(wanted.of_run, to, Only(wanted.only), request), None
        case "undo":
            request = PlanRequest(wanted.name, wanted.author)
            left = record.file(LEFT)
            return campaigns.undo(wanted.of_run, to, request, wanted.reason, left)
        case "without":
            overrides = pairs("overrides", wanted.fields.get("overrides"))
            request = PlanRequest(wanted.name, wanted.author, overrides=overrides)
            old = campaigns.open(record.directory.parent / wanted.of_plan / PLAN)
            left_out = map(int, record.file(LEFT_OUT).read_text(encoding="ascii").split())
            return campaigns.leave_out(old, set(left_out), to, request), None
        case _:
            return campaigns.plan(to, _request(session, record, wanted)), None


def _request(session: CampaignSession, record: Record, wanted: Wanted) -> PlanRequest:
    fields = wanted.fields
    owners = owners_of(fields.get("customers"), None, fields.get("lines"), None)
    rules = rules_of(
        session,
        fields.get("where") or None,
        fields.get("sets") or (),
        rounding_of(fields, session.campaigns.terms.rounding),
        fields.get("charm") or None,
    )
    return PlanRequest(
        name=wanted.name,
        author=wanted.author,
        rules=rules,
        source=record.source,
        customers=owners.customers,
        lines=owners.lines,
        rails=rails_of(fields.get("rails") or ()),
        overrides=pairs("overrides", fields.get("overrides")),
        effective=day("effective", fields.get("effective") or None),
        options=read_options(fields),
        includes_disconnected=bool(fields.get("with_disconnected")),
        leaves_problems_out=bool(fields.get("skip_problems")),
        problems_to=problem_file(record),
    )


def rounding_of(fields: Mapping[str, Any], usual: Rounding) -> tuple[str, str] | None:
    """Step and way of a form; what it leaves open is as usual. None if it states no other."""
    step, mode = fields.get("round_step"), fields.get("round_mode") or usual.mode
    return (step or str(usual.step), mode) if step or mode != usual.mode else None


def read_options(fields: Mapping[str, Any]) -> ReadOptions:
    """What was stated about the file. Raises CampaignError."""
    hidden, rates = fields.get("hidden_rows"), fields.get("rates")
    header = str(fields.get("header_line") or "")
    if header and not (header.isascii() and header.isdigit()):
        raise CampaignError(f"the header's line is a number, not {header!r}")
    return ReadOptions(
        columns=mapping_of(fields.get("columns") or ()),
        ignored=tuple(fields.get("ignored") or ()),
        sheets=tuple(fields.get("sheets") or ()),
        header_line=int(header) if header else None,
        hidden_rows=HiddenRows(hidden) if hidden else None,
        rates=Rates(rates) if rates else None,
        encoding=fields.get("encoding") or None,
        decimal=fields.get("decimal") or None,
    )


def problem_file(record: Record) -> Path | None:
    """Where the faulty rows are written, in the form of the upload.

    None if there is no upload, or planning has to say why it is not a price list.
    """
    with suppress(InputError, OSError):
        if source := record.source:
            return record.file(f"problems{source.suffix if kind_of(source) == 'csv' else '.xlsx'}")
    return None


def _ended(
    session: CampaignSession, record: Record, planned: Planned, left: UndoReport | None
) -> Outcome:
    outlook = Outlook.of(session, planned)
    if planned.plan:
        RowIndex.make(record.file(ROWS), planned.plan)
        review = Review.of(planned.plan, outlook.begins, outlook.time)
        record.file(REVIEW).write_text(json.dumps(review_document(review)), encoding="utf-8")
        record.file(PAGE).write_text(review.page(), encoding="utf-8")
        review.write_workbook(record.file(WORKBOOK))
    problems, samples = problem_file(record), _samples(record)
    return Outcome(
        verdict=planned.verdict.value,
        read_as=tuple(planned.read_as.lines()),
        rows=dict(planned.summary.rows),
        problems=tuple(planned.problems.lines()),
        forbidden=tuple(f"{breach.rail}: {breach.says}" for breach in planned.forbidden),
        problem_file=problems.name if problems and planned.summary.faulty else "",
        columns=tuple(samples),
        samples=samples,
        rails=_crossable(session, record, planned),
        digest=planned.plan.digest if planned.plan else "",
        run=planned.plan.run if planned.plan else "",
        begins=outlook.begins,
        forecast=outlook.takes.document() if outlook.takes.seconds < 1e12 else {},  # noqa: PLR2004 - for ever
        calls=outlook.reads,
        left=undo_document(left) if left else {},
    )


def _unread(record: Record, says: str) -> Outcome:
    """Its form asks what is in doubt, unless nothing that is stated would help."""
    failed = _failed(record, says)
    is_unreadable = bool(record.source) and not failed.columns and not failed.asks
    return replace(failed, is_unreadable=is_unreadable)


def _failed(record: Record, says: str) -> Outcome:
    samples = _samples(record)
    return Outcome(FAILED, error=tuple(says.splitlines()), columns=tuple(samples), samples=samples)


def _samples(record: Record) -> dict[str, tuple[str, ...]]:
    """The upload's columns, if they can be read: a person may have to say what they mean."""
    if source := record.source:
        with suppress(CampaignError, OSError, MemoryError):
            return sampled_columns(source, read_options(record.wanted.fields))
    return {}


def _crossable(session: CampaignSession, record: Record, planned: Planned) -> dict[str, str]:
    """Guard rails in the way that a reason would cross, with what they stop."""
    rails = session.campaigns.terms.rails + rails_of(record.wanted.fields.get("rails") or ())
    crossable = {guard.rail for guard in rails.guards if guard.level is Level.OVERRIDE}
    stops = {rail: counted(count, "row") for rail, count in planned.summary.stopped.items()}
    stops |= {breach.rail: "the whole plan" for breach in planned.forbidden}
    return {rail: what for rail, what in stops.items() if rail in crossable}


@contextmanager
def _progress(record: Record, session: CampaignSession, waits: Sequence[str]) -> Iterator[None]:
    """Notes twice a second how far planning has come."""
    ended = threading.Event()

    def note() -> None:
        while not ended.wait(_PROGRESS_S):
            record.note_progress(session.progress.rows, waits[0])

    noting = threading.Thread(target=note, daemon=True)
    noting.start()
    try:
        yield
    finally:
        ended.set()
        noting.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
