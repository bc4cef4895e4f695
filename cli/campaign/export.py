"""`revio campaign export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from campaigns import Exported, ExportRequest, Rounding, Rules
from campaigns.export import EXPORTABLE, ExportLayout
from cli.answer import spinner
from cli.campaign.options import CustomerFile, Customers, LineFile, Lines, owners_of
from cli.campaign.plan_tables import without_products
from cli.campaign.session import campaign_session
from cli.options import AccountName, AsJson, Texts, names
from cli.tables import counted
from revio_jobs.contracts import DEFAULT_ACCOUNT


def export(
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="A new .csv or .xlsx file.")],
    customers: Customers = None,
    customer_file: CustomerFile = None,
    lines: Lines = None,
    line_file: LineFile = None,
    fields: Annotated[
        Texts,
        typer.Option("--field", help=f"Field to edit: {', '.join(EXPORTABLE)}."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Only these: 'product_id=17 and status=ACTIVE'.")
    ] = None,
    with_disconnected: Annotated[
        bool, typer.Option("--with-disconnected", help="Include disconnected products.")
    ] = False,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Write what products have now, as a list to edit and plan. Changes nothing."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        request = ExportRequest(
            owners_of(customers, customer_file, lines, line_file),
            ExportLayout.of(names(fields) or ["rate"]),
            Rules.parse(where, (), Rounding()),
            includes_disconnected=with_disconnected,
        )
        with spinner(session.progress.says, quiet=as_json):
            exported = session.campaigns.export(output, request)
        calls = session.campaigns.reader.calls
        answer.give(
            _document(exported, output, calls),
            f"{counted(exported.rows, 'product')} in {output} ({counted(calls, 'call')})",
            *(f"left out: {count:,} {why}" for why, count in exported.left_out.items()),
            *without_products(exported.without_products.missing()),
            f"Next: edit the column {request.layout.fields[0]}, then revio campaign plan {output} "
            "-o NEW.plan",
        )


def _document(exported: Exported, output: Path, calls: int) -> dict[str, Any]:
    missing = exported.without_products
    return {
        "file": str(output),
        "rows": exported.rows,
        "left_out": {why.value: count for why, count in exported.left_out.items()},
        "without_products": {"customer": list(missing.customers), "line": list(missing.lines)},
        "calls_spent": calls,
    }
