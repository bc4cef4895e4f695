"""What stops a step of a campaign, in words for the person who took it."""

from __future__ import annotations


class CampaignError(Exception):
    """Nothing was sent and nothing was changed; the text says what to fix."""


class InputError(CampaignError):
    """The input cannot be read at all: its first faulty place is named."""


class ExpressionError(CampaignError):
    """A rule cannot be understood, or not be computed for a product."""


class PlanFileError(CampaignError):
    """The plan file is not what a planner wrote."""


class NotAllowedError(CampaignError):
    """An approval, a guard rail or the run's state is against it."""
