"""Campaigns in Redis: plans' approvals, runs' rows, progress and outcomes."""

from campaigns.store.desk import Approval, Desk, RunView
from campaigns.store.feed import RedisRuns
from campaigns.store.jobs import BulkJobs

__all__ = ["Approval", "BulkJobs", "Desk", "RedisRuns", "RunView"]
