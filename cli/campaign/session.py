"""The campaigns of an account for the commands, and how errors are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import typer
from redis import Redis

from campaigns import CampaignError, Campaigns, Person
from campaigns.errors import NotAllowedError
from campaigns.plan.forecast import BulkBudget
from campaigns.rows.planned_row import PlannedRow
from campaigns.signing import SigningKey
from certification.store import Certificates
from cli.account_limits import AccountLimits
from cli.answer import Answer, answering, complain
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.operator import operator_name
from cli.producer import app_of
from cli.tables import counted
from revio_jobs import RevioJobs
from revio_jobs.errors import InvalidJob
from settings import Settings, SettingsError, load
from worker.limiter import LaneClosures, LanePauses
from worker.wiring.bulk_lane import CampaignLane
from worker.wiring.limits import limit_rules, open_limiter
from worker.wiring.terms import business_times, campaign_terms

_NO_ANSWER = "no answer yet; workers of the bulk lane are busy, or none runs"


@dataclass(slots=True)
class PlanningProgress:
    """How far planning has come."""

    rows: int = 0

    def add(self, _: PlannedRow) -> None:
        """One more."""
        self.rows += 1

    def says(self) -> str:
        """In words."""
        return f"reading current values: {counted(self.rows, 'row')} so far"


@dataclass(frozen=True, slots=True)
class CampaignSession:
    """One account's campaigns, and its calls for bulk work."""

    campaigns: Campaigns
    progress: PlanningProgress
    _settings: Settings
    _redis: Redis
    _key: SigningKey | None = None

    def person(self, by: str | None, reason: str) -> Person:
        """Who gives this order: the token's owner, else whoever is named or runs this process.

        Raises NotAllowedError if somebody else is named than whose token it is, or if that counts
        no more.
        """
        if self._key is None:
            return person(by, reason)
        if by and by != self._key.name:
            raise NotAllowedError(f"REVIO_CONSOLE_TOKEN is {self._key.name}'s, not {by}'s")
        self.campaigns.store.signers.check(self._key)
        return Person(self._key.name, reason)

    def budget(self) -> BulkBudget:
        """As of now. Raises Unavailable."""
        terms = self.campaigns.terms
        limiter = open_limiter(self._settings, self._redis)
        rules = limit_rules(self._settings.accounts[terms.account])
        limits = AccountLimits.read(self._redis, limiter, terms.account, rules)
        return limits.bulk_budget(terms.ids_per_call)


@contextmanager
def campaign_session(
    account: str, *, as_json: bool, wrong: ExitCode = ExitCode.INVALID
) -> Iterator[tuple[Answer, CampaignSession]]:
    """For the body of a command. `wrong`: its exit code when input, plan or order is at fault."""
    with answering(as_json=as_json) as answer:
        try:
            with _opened(account) as found:
                yield answer, found
        except (CampaignError, InvalidJob, SettingsError) as exc:
            raise _ended(answer, _kind(exc), str(exc).splitlines(), wrong) from None
        except OSError as exc:
            if exc.filename is None:
                raise
            raise _ended(answer, "File", [f"{exc.filename}: {exc.strerror}"], wrong) from None


def _ended(answer: Answer, kind: str, lines: list[str], code: ExitCode) -> typer.Exit:
    answer.give({"error": {"type": kind, "message": "; ".join(lines)}})
    complain(*lines)
    return typer.Exit(code)


def session_of(
    settings: Settings,
    redis: Redis,
    jobs: RevioJobs,
    account: str,
    tell: Callable[[str], None] = lambda _: None,
    *,
    key: SigningKey | None = None,
) -> CampaignSession:
    """The campaigns of an account. `tell` hears why reading takes long; `key` signs decisions.

    Raises RedisError.
    """
    is_certified = Certificates(redis).load(account) is not None
    terms = replace(campaign_terms(settings, account), is_certified=is_certified)
    closures = LaneClosures(LanePauses(redis), open_limiter(settings, redis))
    lane = CampaignLane(closures, business_times(settings))
    waits, progress = _Waits(lane, account, tell), PlanningProgress()
    campaigns = Campaigns(terms, jobs, redis, on_wait=waits.tell, on_row=progress.add, key=key)
    return CampaignSession(campaigns, progress, settings, redis, key)


@contextmanager
def _opened(account: str) -> Iterator[CampaignSession]:
    settings = load()
    if account not in settings.accounts:
        known = ", ".join(settings.accounts)
        raise typer.BadParameter(f"{account!r} is not one of {known}", param_hint="--account")
    redis = redis_of(settings)
    with RevioJobs(app_of(settings), redis) as jobs:
        token = settings.console_token
        key = SigningKey.parse(token.get_secret_value()) if token else None
        yield session_of(settings, redis, jobs, account, complain, key=key)


@dataclass
class _Waits:
    """Tells why reading takes long, each reason once."""

    lane: CampaignLane
    account: str
    say: Callable[[str], None]
    _told: str = ""

    def tell(self) -> None:
        says = self.lane.closure_reason(self.account) or _NO_ANSWER
        if says != self._told:
            self._told = says
            self.say(f"still reading: {says}")


def person(by: str | None, reason: str) -> Person:
    """Who gives this order: the person named, else the user of this process."""
    return Person(by or operator_name(), reason)


def _kind(exc: Exception) -> str:
    return type(exc).__name__.removesuffix("Error")
