"""`revio campaign`: export, plan, review, approve, apply, watch, report, undo batch repricing."""

from cli.campaign.approval import approve, review
from cli.campaign.control import cancel, pause, resume, set_
from cli.campaign.export import export
from cli.campaign.leave_out import leave_out
from cli.campaign.outcome import explain, report, retry, undo
from cli.campaign.planning import PlanExit, plan
from cli.campaign.start import apply
from cli.campaign.watching import list_, watch
from cli.given_once import App, Command, Group


class _PlanCommand(Command):
    """For those that make a plan: 2 tells a script that there are changes, so wrong usage must
    end otherwise.
    """

    usage_code = PlanExit.PROBLEMS


class _Campaigns(Group):
    """A misspelt `plan` is not a command, and must not look like a plan with changes."""

    usage_code = PlanExit.PROBLEMS


app = App(
    cls=_Campaigns,
    help="Change the rates of many products: plan, review, approve, apply, watch, report, undo.",
    no_args_is_help=True,
)
for planning in (plan, retry, undo):
    app.command(
        cls=_PlanCommand,
        epilog="Exit codes: 0 nothing to do. 1 problems, and no plan. 2 a plan with changes.",
    )(planning)
app.command("leave-out", cls=_PlanCommand, epilog="Exit codes: 1 problems, and no plan. 2 a plan.")(
    leave_out
)
for command in (export, review, approve, apply, watch, pause, resume, cancel, report, explain):
    app.command()(command)
app.command("list")(list_)
app.command("set")(set_)

__all__ = ["app"]
