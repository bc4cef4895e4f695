"""Batch repricing campaigns: plan, review, approve, apply, watch, report, undo."""

from campaigns.again import Only
from campaigns.api import Campaigns, Person
from campaigns.faults import CampaignError
from campaigns.leftover import UndoReport
from campaigns.planning import Planned, PlanRequest, Verdict
from campaigns.rounding import Rounding
from campaigns.rules import Rules
from campaigns.running import RunRequest
from campaigns.terms import Terms

__all__ = [
    "CampaignError",
    "Campaigns",
    "Only",
    "Person",
    "PlanRequest",
    "Planned",
    "Rounding",
    "Rules",
    "RunRequest",
    "Terms",
    "UndoReport",
    "Verdict",
]
