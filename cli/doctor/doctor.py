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
from cli.doctor.certificate_checks import certificate_findings, day_findings
from cli.doctor.finding import Finding, Verdict, fine, skipped, wrong
from cli.doctor.foreign_apps import foreign_apps
from cli.doctor.lane_checks import (
    clock_findings,
    lane_findings,
    limits_findings,
    misnamed_queues,
    release_findings,
    strange_accounts,
)
from cli.doctor.redis_checks import MEMORY_CHECK, redis_findings, served_queues
from cli.doctor.vendor_checks import vendor_findings
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

_NEEDED = ("Redis", MEMORY_CHECK)
"""Checks without which no other is made."""


@dataclass
class Diagnosis:
    """Grows check by check."""

    findings: list[Finding] = field(default_factory=list)
    services: dict[str, Description] = field(default_factory=dict)
    """By account, where the WSDL could be read."""

    @property
    def exit_code(self) -> ExitCode:
        """That of the first thing that is wrong."""
        codes = [finding.code for finding in self.findings if finding.verdict is Verdict.WRONG]
        return codes[0] if codes else ExitCode.OK

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "ok": self.exit_code is ExitCode.OK,
            "checks": [finding.document() for finding in self.findings],
            "services": {name: asdict(service) for name, service in self.services.items()},
        }

    def tables(self) -> Iterator[RenderableType]:
        """For people."""
        yield table(
            "", "check", "finding", rows=((f.verdict, f.check, f.says) for f in self.findings)
        )
        for name, service in self.services.items():
            yield _fields(name, service)
        for finding in self.findings:
            if finding.fix:
                yield f"{finding.verdict}: {finding.check}: {finding.fix}"
        yield self._verdict()

    def _verdict(self) -> str:
        if self.exit_code:
            return "something is wrong: see above"
        warnings = sum(finding.verdict is Verdict.WARNING for finding in self.findings)
        return (
            f"nothing is wrong, but see {counted(warnings, 'warning')}"
            if warnings
            else "all is well"
        )


def doctor(
    *,
    login_again: Annotated[
        bool,
        typer.Option(
            help="Try a login that was refused before: only once the account is unlocked again."
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
        _check_workers(diagnosis, settings)
        _check_vendor(diagnosis, settings, login_again=login_again)
    else:
        reason = "no call is made before Redis and the settings are in order"
        diagnosis.findings.append(skipped("vendor", reason))
    return diagnosis


def _check_settings(diagnosis: Diagnosis) -> Settings | None:
    try:
        settings = load()
    except SettingsError as exc:
        diagnosis.findings += [_setting_fault(line) for line in exc.faults]
        return None
    diagnosis.findings.append(fine("settings", f"accounts: {', '.join(settings.accounts)}"))
    return settings


def _setting_fault(line: str) -> Finding:
    name, _, says = line.partition(": ")
    fix = "set it in the environment, in .env or in the secrets directory"
    return wrong(name, says, fix, ExitCode.INVALID)


def _check_redis(diagnosis: Diagnosis) -> bool:
    try:
        redis_settings = load_redis()
    except SettingsError:
        diagnosis.findings.append(skipped("Redis", "its address is wrong"))
        return False
    with redis_of(redis_settings) as redis:
        findings = redis_findings(redis, redis_settings.redis_url.get_secret_value())
    diagnosis.findings += findings
    return not any(f.verdict is Verdict.WRONG and f.check in _NEEDED for f in findings)


def _check_workers(diagnosis: Diagnosis, settings: Settings) -> None:
    with app_of(settings) as app, redis_of(settings) as redis:
        try:
            closures = LaneClosures(LanePauses(redis), open_limiter(settings, redis))
            diagnosis.findings += lane_findings(closures, settings.accounts, served_queues(app))
            diagnosis.findings += limits_findings(redis, settings.accounts)
            diagnosis.findings += clock_findings(redis, settings.accounts)
            diagnosis.findings += release_findings(redis, settings.accounts)
            diagnosis.findings += strange_accounts(redis, settings.accounts)
            diagnosis.findings += misnamed_queues(redis, settings.accounts)
            diagnosis.findings += foreign_apps(redis)
        except (RedisError, KombuError, Unavailable) as exc:
            diagnosis.findings.append(skipped("workers", str(exc)))


def _check_vendor(diagnosis: Diagnosis, settings: Settings, *, login_again: bool) -> None:
    with (
        app_of(settings) as app,
        closing(open_application(settings, app)) as application,
    ):
        for name, gateway in application.gateways.items():
            if login_again:
                application.limiter.reopen(name)
            findings, service = vendor_findings(
                name, settings.accounts[name], gateway, login_again=login_again
            )
            diagnosis.findings += findings
            diagnosis.findings += _of_certificate(application, settings, name, service)
            if service:
                diagnosis.services[name] = service


def _of_certificate(
    application: Application, settings: Settings, name: str, service: Description | None
) -> Iterator[Finding]:
    account, redis = settings.accounts[name], application.redis
    certificate = Certificates(redis).load(name)
    yield from certificate_findings(name, account, certificate, service, time.time())
    yield from day_findings(name, DayEnds(redis).get(name), limit_rules(account))


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
