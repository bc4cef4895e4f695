"""Batch repricing campaigns: plan, review, approve, apply, watch, report, undo."""

from campaigns.api import Campaigns, Person
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
