"""`revio certify`: experiments on a real account, whose answers become facts and settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from redis import Redis

from certification.budget import ExperimentBudget
from certification.catalogue import chosen
from certification.certificate import Certificate
from certification.clock import SystemClock
from certification.experiment import Experiment
from certification.journal import Journal, JournalError
from certification.lab import Lab, StoppedError
from certification.page import certificate_page
from certification.redaction import Redactor
from certification.run import Certification
from certification.store import Certificates
from cli.answer import Answer, answering, complain, printable
from cli.certify.certificate_tables import certificate_tables, plan_document, plan_tables
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.options import AccountName, AsJson, Texts, numbers
from cli.unknown_account import unknown_account
from revio_jobs.contracts import DEFAULT_ACCOUNT
from settings import AccountSettings, Settings, load
from worker.limiter import DayEnds, WaitingPermits
from worker.soap import SoapConfig, open_probe
from worker.wiring.limits import open_limiter
from worker.wiring.vendor import soap_config

_ASK_BURST = (
    "--burst uses up the account's minute for everybody, its other vendors included, for about "
    "three minutes. Go on?"
)


def certify(
    *,
    account: AccountName = DEFAULT_ACCOUNT,
    products: Annotated[
        Texts,
        typer.Option(
            "--product",
            help="ID of a customer product that may be changed, and is put back. Repeatable, or "
            "separated by commas. No other product is ever written to.",
        ),
    ] = None,
    sandbox_client: Annotated[
        str | None,
        typer.Option(
            help="The client code of the vendor's sandbox. It has to be the account's: the code "
            "alone decides whether production is written to.",
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Make only experiments that write nothing.")
    ] = False,
    slow: Annotated[
        bool,
        typer.Option(
            "--slow",
            help="Also find out how long a session lives, which takes two hours, or eight if a "
            "login ends the sessions before it.",
        ),
    ] = False,
    burst: Annotated[
        bool, typer.Option("--burst", help="Also find out whether the gateway's minute slides.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the experiments, and call nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --burst.")] = False,
    folder: Annotated[
        Path, typer.Option("--out", help="Folder for the certificate, and for the journal.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Find out by experiments what the vendor's service does, and write a certificate."""
    options = frozenset(name for name, on in (("--slow", slow), ("--burst", burst)) if on)
    experiments = chosen(read_only=read_only, options=options)
    named = numbers("--product", products)
    with answering(as_json=as_json) as answer:
        settings = load()
        if account not in settings.accounts:
            with redis_of(settings) as redis:
                problem = unknown_account(redis, account, settings.accounts)
            raise typer.BadParameter(problem, param_hint="--account")
        if dry_run:
            answer.give(plan_document(experiments), *plan_tables(experiments))
            return
        if not read_only:
            _check_may_write(settings.accounts[account], named, sandbox_client)
        if burst and not yes:
            typer.confirm(_ASK_BURST, abort=True, err=True)
        with _stopping(), redis_of(settings) as redis:
            plan = _Plan(account, experiments, named, folder, read_only)
            with closing(_open(settings, redis, plan)) as run:
                certificate = _run(run)
                Certificates(redis).save(certificate)
                _give(answer, certificate, folder)
                run.journal.remove()


def _check_may_write(
    account: AccountSettings, products: list[int], sandbox_client: str | None
) -> None:
    if not products:
        fix = "name products that may be changed, or give --read-only"
        raise typer.BadParameter(fix, param_hint="--product")
    if sandbox_client != account.client_code:
        raise typer.BadParameter(
            "it has to be the account's client code, which must be that of the vendor's sandbox; "
            "for production give --read-only",
            param_hint="--sandbox-client",
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the command line asks for."""

    account: str
    experiments: Sequence[Experiment]
    products: Sequence[int]
    folder: Path
    read_only: bool


def _open(settings: Settings, redis: Redis, plan: _Plan) -> Certification:
    account = plan.account
    ours = settings.accounts[account]
    limiter = open_limiter(settings, redis)
    budget = ExperimentBudget(
        WaitingPermits(limiter, settings.max_permit_wait_s),
        WaitingPermits(limiter, 0.0),
        calls_per_minute=ours.calls_per_minute,
    )
    config = soap_config(account, ours, settings)
    ends = DayEnds(redis)
    probe = open_probe(config, budget, lambda at: ends.note(account, at))
    lab = Lab(probe, budget, SystemClock(), _redactor(config), execution_s=ours.execution_s)
    return Certification(
        lab,
        Journal(plan.folder / f"certify-{account}.journal", account),
        plan.experiments,
        account=account,
        products=plan.products,
        read_only=plan.read_only,
        day_ends_at=ends.get(account),
        progress=lambda name: typer.echo(f"revio: {name}", err=True),
    )


def _redactor(config: SoapConfig) -> Redactor:
    key = config.subscription_key.get_secret_value() if config.subscription_key else None
    password = config.password.get_secret_value()
    return Redactor((password, key, config.username, config.client_code))


def _run(run: Certification) -> Certificate:
    """Restore the products on an interruption; a second one leaves that to the next run."""
    try:
        return run.run()
    except KeyboardInterrupt:
        complain("interrupted: putting back what was changed; once more leaves it to the next run")
        run.restore()
        raise


@contextmanager
def _stopping() -> Iterator[None]:
    """Says what stopped a run, and that the next one goes on."""
    try:
        yield
    except StoppedError as exc:
        complain(printable(str(exc)), "the same command goes on, and puts back what was changed")
        raise typer.Exit(ExitCode.FAILED) from None
    except (JournalError, OSError) as exc:
        complain(printable(str(exc)))
        raise typer.Exit(ExitCode.INVALID) from None


def _give(answer: Answer, certificate: Certificate, folder: Path) -> None:
    base = folder / f"certify-{certificate.account}"
    text = json.dumps(certificate.document(), indent=2, ensure_ascii=False)
    base.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    base.with_suffix(".html").write_text(certificate_page(certificate), encoding="utf-8")
    answer.give(certificate.document(), *certificate_tables(certificate, base))
