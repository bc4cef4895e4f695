"""`revio doctor`: what is wrong with this installation, and how to fix it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer
from kombu.exceptions import KombuError
from redis.exceptions import RedisError
from rich.console import RenderableType

from certification.store import Certificates
from cli.answer import answering, spinner
from cli.connection import redis_of
from cli.doctor.certificate_checks import check_certificate, check_day_end
from cli.doctor.check_result import CheckResult, Verdict, fine, skipped, wrong
from cli.doctor.foreign_apps import check_foreign_apps
from cli.doctor.lane_checks import (
    check_account_names,
    check_clocks,
    check_lanes,
    check_limits,
    check_queue_names,
    check_releases,
)
from cli.doctor.redis_checks import (
    MEMORY_CHECK,
    ROLE_CHECK,
    check_redis,
    redis_gone,
    served_queues,
)
from cli.doctor.vendor_checks import check_vendor
from cli.exit_code import ExitCode
from cli.options import AsJson
from cli.producer import app_of
from cli.tables import counted, table
from revio_jobs.errors import Unavailable
from settings import Settings, SettingsError, load, load_redis
from worker.limiter import DayEnds, LaneClosures, LanePauses
from worker.soap import Description
from worker.wiring.application import Application, open_application
from worker.wiring.limits import limit_rules, open_limiter

_NEEDED = ("Redis", ROLE_CHECK, MEMORY_CHECK)
"""Checks without which no other is made."""


@dataclass
class Diagnosis:
    """Grows check by check."""

    results: list[CheckResult] = field(default_factory=list)
    services: dict[str, Description] = field(default_factory=dict)
    """By account, where the WSDL could be read."""

    @property
    def exit_code(self) -> ExitCode:
        """That of the first thing that is wrong."""
        codes = [result.code for result in self.results if result.verdict is Verdict.WRONG]
        return codes[0] if codes else ExitCode.OK

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "ok": self.exit_code is ExitCode.OK,
            "checks": [result.document() for result in self.results],
            "services": {name: asdict(service) for name, service in self.services.items()},
        }

    def tables(self) -> Iterator[RenderableType]:
        """For people."""
        yield table(
            "", "check", "finding", rows=((f.verdict, f.check, f.says) for f in self.results)
        )
        for name, service in self.services.items():
            yield _fields(name, service)
        for result in self.results:
            if result.fix:
                yield f"{result.verdict}: {result.check}: {result.fix}"
        yield self._verdict()

    def _verdict(self) -> str:
        if self.exit_code:
            return "something is wrong: see above"
        warnings = sum(result.verdict is Verdict.WARNING for result in self.results)
        unmade = sum(
            result.verdict is Verdict.SKIPPED and bool(result.fix) for result in self.results
        )
        seen = f"nothing is wrong, but see {counted(warnings, 'warning')}" if warnings else ""
        if unmade:
            return f"{seen or 'nothing wrong was found'}; not made: {counted(unmade, 'check')}"
        return seen or "all is well"


def doctor(
    *,
    login_again: Annotated[
        bool,
        typer.Option(
            help="Try the login anew, also one that was refused before: only once the account is "
            "unlocked again."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings, Redis, workers, the vendor's WSDL and the login."""
    with answering(as_json=as_json) as answer:
        with spinner("checking settings, Redis, workers and the vendor"):
            diagnosis = diagnose(login_again=login_again)
        answer.give(diagnosis.document(), *diagnosis.tables())
        if diagnosis.exit_code:
            raise typer.Exit(diagnosis.exit_code)


def diagnose(*, login_again: bool = False) -> Diagnosis:
    """All checks that can be made; what depends on something broken is skipped and says so."""
    diagnosis = Diagnosis()
    settings = _check_settings(diagnosis)
    if _check_redis(diagnosis) and settings:
        try:
            _check_workers(diagnosis, settings)
            _check_vendor(diagnosis, settings, login_again=login_again)
        except (RedisError, KombuError, Unavailable) as exc:
            # What was found before it went is told.
            diagnosis.results.append(redis_gone(exc, settings.redis_url.get_secret_value()))
    else:
        reason = "no call is made before Redis and the settings are in order"
        diagnosis.results.append(skipped("vendor", reason))
    return diagnosis


def _check_settings(diagnosis: Diagnosis) -> Settings | None:
    try:
        settings = load()
    except SettingsError as exc:
        diagnosis.results += [_setting_fault(line) for line in exc.faults]
        return None
    diagnosis.results.append(fine("settings", f"accounts: {', '.join(settings.accounts)}"))
    return settings


def _setting_fault(line: str) -> CheckResult:
    name, _, says = line.partition(": ")
    fix = "set it in the environment, in .env or in the secrets directory"
    return wrong(name, says, fix, ExitCode.INVALID)


def _check_redis(diagnosis: Diagnosis) -> bool:
    try:
        redis_settings = load_redis()
    except SettingsError:
        diagnosis.results.append(skipped("Redis", "its address is wrong"))
        return False
    with redis_of(redis_settings) as redis:
        results = check_redis(redis, redis_settings.redis_url.get_secret_value())
    diagnosis.results += results
    return not any(f.verdict is Verdict.WRONG and f.check in _NEEDED for f in results)


def _check_workers(diagnosis: Diagnosis, settings: Settings) -> None:
    with app_of(settings) as app, redis_of(settings) as redis:
        closures = LaneClosures(LanePauses(redis), open_limiter(settings, redis))
        diagnosis.results += check_lanes(closures, settings.accounts, served_queues(app))
        diagnosis.results += check_limits(redis, settings.accounts)
        diagnosis.results += check_clocks(redis, settings.accounts)
        diagnosis.results += check_releases(redis, settings.accounts)
        diagnosis.results += check_account_names(redis, settings.accounts)
        diagnosis.results += check_queue_names(redis, settings.accounts)
        diagnosis.results += check_foreign_apps(redis)


def _check_vendor(diagnosis: Diagnosis, settings: Settings, *, login_again: bool) -> None:
    with (
        app_of(settings) as app,
        closing(open_application(settings, app)) as application,
    ):
        for name, gateway in application.gateways.items():
            if login_again:
                application.limiter.reopen(name)
            results, service = check_vendor(
                name, settings.accounts[name], gateway, login_again=login_again
            )
            diagnosis.results += results
            diagnosis.results += _of_certificate(application, settings, name, service)
            if service:
                diagnosis.services[name] = service


def _of_certificate(
    application: Application, settings: Settings, name: str, service: Description | None
) -> Iterator[CheckResult]:
    account, redis = settings.accounts[name], application.redis
    certificate = Certificates(redis).load(name)
    yield from check_certificate(name, account, certificate, service, time.time())
    yield from check_day_end(name, DayEnds(redis).get(name), limit_rules(account))


def _fields(name: str, service: Description) -> RenderableType:
    return table(
        "job",
        "field",
        "vendor's name",
        "in the WSDL",
        "type",
        "can be cleared",
        rows=(
            (
                field_description.where,
                field_description.name,
                field_description.wire,
                field_description.shape,
                field_description.xsd_type,
                "yes" if field_description.can_clear else None,
            )
            for field_description in service.fields
        ),
        title=f"account {name}: {service.location}",
    )
