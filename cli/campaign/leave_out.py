"""`revio campaign leave-out`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns import PlanRequest
from campaigns.plan.owner_list import read_product_list
from cli.answer import spinner
from cli.campaign.approval import PlanPath
from cli.campaign.options import By, Overrides, pairs
from cli.campaign.outcome import PlanOutput, give_plan
from cli.campaign.session import campaign_session
from cli.exit_code import ExitCode
from cli.options import AccountName, AsJson, Texts, numbers
from revio_jobs.contracts import DEFAULT_ACCOUNT


def leave_out(
    path: PlanPath,
    *,
    output: PlanOutput,
    ids: Annotated[
        Texts, typer.Option("--id", help="A customer product to leave out; may be repeated.")
    ] = None,
    id_file: Annotated[
        Path | None, typer.Option("--ids", help="A file that lists them, one id per row.")
    ] = None,
    overrides: Overrides = None,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Make a new plan from PLAN without some of its rows; it needs an approval of its own.

    Nothing is read from Rev.io: the new plan has the values that were read for PLAN.
    """
    with campaign_session(account, as_json=as_json, wrong=ExitCode.FAILED) as (answer, session):
        left_out = [*numbers("--id", ids), *(read_product_list(id_file) if id_file else ())]
        if not left_out:
            raise typer.BadParameter("name products with --id, or a file of them with --ids")
        request = PlanRequest(
            output.name.removesuffix(".plan"),
            session.person(by, "").by,
            overrides=pairs("--override", overrides),
        )
        plan = session.campaigns.open(path)
        with spinner(session.progress.says, quiet=as_json):
            planned = session.campaigns.leave_out(plan, left_out, output, request)
        give_plan(answer, session, planned, output)
