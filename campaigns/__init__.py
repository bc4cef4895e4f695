"""Batch repricing campaigns: plan, review, approve, apply, watch, report, undo."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from campaigns.api import Campaigns
    from campaigns.approval import Person
    from campaigns.errors import CampaignError
    from campaigns.export import Exported, ExportRequest
    from campaigns.plan.planner import Planned, PlanRequest, PlanVerdict
    from campaigns.results.retry_undo import Only
    from campaigns.results.undo_report import UndoReport
    from campaigns.rules.rounding import Rounding
    from campaigns.rules.rules import Rules
    from campaigns.run.request import RunRequest
    from campaigns.terms import Terms

__all__ = [
    "CampaignError",
    "Campaigns",
    "ExportRequest",
    "Exported",
    "Only",
    "Person",
    "PlanRequest",
    "PlanVerdict",
    "Planned",
    "Rounding",
    "Rules",
    "RunRequest",
    "Terms",
    "UndoReport",
]

# Imported when first used: who looks at runs needs no spreadsheets.
_MODULES = {
    "Campaigns": "api",
    "Person": "approval",
    "CampaignError": "errors",
    "Exported": "export",
    "ExportRequest": "export",
    "Planned": "plan.planner",
    "PlanRequest": "plan.planner",
    "PlanVerdict": "plan.planner",
    "Only": "results.retry_undo",
    "UndoReport": "results.undo_report",
    "Rounding": "rules.rounding",
    "Rules": "rules.rules",
    "RunRequest": "run.request",
    "Terms": "terms",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"campaigns.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
