"""`revio campaign plan`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated

import typer

from campaigns import CampaignError, Planned, PlanRequest, PlanVerdict, Rounding, Rules
from campaigns.guard_rails.rails import Rails
from campaigns.source.options import HiddenRows, Rates, ReadOptions
from cli.answer import Answer, spinner
from cli.campaign.options import (
    By,
    CustomerFile,
    Customers,
    LineFile,
    Lines,
    Overrides,
    day,
    owners_of,
    pairs,
)
from cli.campaign.outlook import Outlook
from cli.campaign.plan_tables import plan_document, plan_tables
from cli.campaign.session import CampaignSession, campaign_session
from cli.exit_code import ExitCode
from cli.options import AccountName, AsJson, Texts
from revio_jobs.contracts import DEFAULT_ACCOUNT
from settings.campaigns import check_limit

_DECIMAL_COMMA = re.compile(r"\d,\d\d(?!\d)")


class PlanExit(IntEnum):
    """What the exit code of `revio campaign plan` tells a script."""

    NOTHING = 0
    PROBLEMS = 1
    CHANGES = 2


class DecimalChoice(StrEnum):
    """A decimal sign."""

    POINT = "."
    COMMA = ","


EXITS = {
    PlanVerdict.NOTHING: PlanExit.NOTHING,
    PlanVerdict.CHANGES: PlanExit.CHANGES,
    PlanVerdict.PROBLEMS: PlanExit.PROBLEMS,
}


def plan(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="CSV, XLSX, XLSB, XLS or ODS with a column id."),
    ] = None,
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The plan's file.")],
    customers: Customers = None,
    customer_file: CustomerFile = None,
    lines: Lines = None,
    line_file: LineFile = None,
    where: Annotated[
        str | None, typer.Option(help="Only these: 'product_id=17 and status=ACTIVE'.")
    ] = None,
    sets: Annotated[
        Texts,
        typer.Option("--set", help="FIELD=EXPRESSION, such as 'rate=rate*1.05'; may be repeated."),
    ] = None,
    rounding: Annotated[
        tuple[str, str] | None,
        typer.Option("--round", help="Step and way for computed rates, such as 0.01 half-up."),
    ] = None,
    charm: Annotated[
        str | None, typer.Option(help="Endings of computed rates, such as 0.99 or 4.99,9.99.")
    ] = None,
    rails: Annotated[
        Texts,
        typer.Option("--rail", help="A further guard rail: change=block:10; may be repeated."),
    ] = None,
    overrides: Overrides = None,
    effective: Annotated[
        str | None, typer.Option(help="Date from which the change is meant to hold.")
    ] = None,
    columns: Annotated[
        Texts,
        typer.Option(
            "--map",
            help="TITLE=FIELD: what a column is, such as 'New Rate=rate' or "
            "'Old Rate=expected:rate'; may be repeated.",
        ),
    ] = None,
    ignored: Annotated[
        Texts,
        typer.Option(
            "--ignore-column", help="A column to carry along, whatever is in it; repeatable."
        ),
    ] = None,
    sheets: Annotated[
        Texts, typer.Option("--sheet", help="A workbook's sheet to read; may be repeated.")
    ] = None,
    header_line: Annotated[
        int | None, typer.Option(min=1, help="The line that names the columns.")
    ] = None,
    hidden_rows: Annotated[
        HiddenRows | None, typer.Option(help="What to do with rows that the file hides.")
    ] = None,
    rates: Annotated[
        Rates | None,
        typer.Option(help="Which value counts where a cell shows another rate than it holds."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="A CSV's encoding, such as cp1252 or utf-16-le.")
    ] = None,
    decimal: Annotated[
        DecimalChoice | None,
        typer.Option(help="The decimal sign of rates; the other sign separates thousands."),
    ] = None,
    problems: Annotated[
        Path | None, typer.Option(help="Write the faulty rows there, in the input's form.")
    ] = None,
    skip_problems: Annotated[
        bool, typer.Option("--skip-problems", help="Skip invalid rows instead of failing.")
    ] = False,
    with_disconnected: Annotated[
        bool, typer.Option("--with-disconnected", help="Change disconnected products too.")
    ] = False,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Compare a price list or rules with what Rev.io has, and write a plan. Changes nothing."""
    with campaign_session(account, as_json=as_json, wrong=ExitCode.FAILED) as (answer, session):
        owners = owners_of(customers, customer_file, lines, line_file)
        request = PlanRequest(
            name=output.name.removesuffix(".plan"),
            author=session.person(by, "").by,
            rules=rules_of(session, where, sets or (), rounding, charm),
            source=source,
            customers=owners.customers,
            lines=owners.lines,
            rails=rails_of(rails or ()),
            overrides=pairs("--override", overrides),
            effective=day("--effective", effective),
            options=ReadOptions(
                mapping_of(columns or ()),
                tuple(ignored or ()),
                tuple(sheets or ()),
                header_line,
                hidden_rows,
                rates,
                encoding,
                decimal.value if decimal else None,
            ),
            includes_disconnected=with_disconnected,
            leaves_problems_out=skip_problems,
            problems_to=problems,
        )
        with spinner(session.progress.says, quiet=as_json):
            planned = session.campaigns.plan(output, request)
        _show(answer, session, planned, output)
        raise typer.Exit(EXITS[planned.verdict])


def mapping_of(texts: Sequence[str]) -> dict[str, str]:
    """From TITLE=FIELD each; a title may hold the sign itself."""
    mapping: dict[str, str] = {}
    for text in texts:
        title, sign, target = text.rpartition("=")
        if not sign:
            raise CampaignError(f"--map {text}: give TITLE=FIELD")
        if (title := title.strip()) in mapping:
            raise CampaignError(f"--map {title} is given twice, as {mapping[title]} and {target}")
        mapping[title] = target.strip()
    return mapping


def _show(answer: Answer, session: CampaignSession, planned: Planned, output: Path) -> None:
    outlook = Outlook.of(session, planned)
    answer.give(plan_document(planned, outlook), *plan_tables(planned, outlook, output))


def rules_of(
    session: CampaignSession,
    where: str | None,
    sets: Sequence[str],
    rounding: tuple[str, str] | None,
    charm: str | None,
) -> Rules:
    """Rounding that is not given is as in the settings. Raises CampaignError."""
    rules = Rules.parse(where, sets, _rounding(session, rounding, charm))
    if (rounding or charm is not None) and "rate" not in rules.sets:
        option = "--round" if charm is None else "--charm"
        raise CampaignError(
            f"{option} is for computed rates, and no --set computes any: rates of a file are "
            "planned as they stand"
        )
    return rules


def _rounding(
    session: CampaignSession, given: tuple[str, str] | None, charm: str | None
) -> Rounding:
    if given and charm is not None:
        raise CampaignError(
            "--round and --charm are two ways to round; give one (a charm ending is the nearest)"
        )
    default = session.campaigns.terms.rounding
    step, mode = given or (str(default.step), default.mode)
    return Rounding.parse(step, mode, () if charm is None else endings_of(charm))


def endings_of(charm: str) -> tuple[str, ...]:
    """From "4.99,9.99". Raises CampaignError for a decimal comma, which would make two of one."""
    if "." not in charm and _DECIMAL_COMMA.search(charm):
        raise CampaignError(
            f"{charm}: a comma separates endings; write decimals with a point (4.99), or a blank "
            "behind the comma between two whole endings"
        )
    return tuple(part.strip() for part in charm.split(","))


def rails_of(texts: Sequence[str]) -> Rails:
    """From change=block:10 each. Raises CampaignError."""
    for text in texts:
        try:
            check_limit(text)
        except ValueError as exc:
            raise CampaignError(f"--rail {text}: {exc}") from None
    try:
        return Rails.parse(texts)
    except ValueError as exc:
        raise CampaignError(str(exc)) from exc
