"""The terms of an account's campaigns, from the settings."""

from __future__ import annotations

from campaigns.business_time import BusinessTime
from campaigns.guard_rails.rails import Guard, Rails
from campaigns.rules.rounding import Rounding
from campaigns.terms import HaltRules, Terms, fingerprint
from settings import Settings


def setting_rails(settings: Settings) -> Rails:
    """The guard rails that the settings ask for."""
    return Rails(tuple(Guard.parse(rail, text) for rail, text in settings.rails.items()))


def campaign_terms(settings: Settings, account: str) -> Terms:
    """What the settings hold an account's campaigns to. Raises KeyError for an unknown account."""
    known = settings.accounts[account]
    return Terms(
        account,
        fingerprint(known.endpoint, known.client_code),
        ids_per_call=known.ids_per_call,
        rails=setting_rails(settings),
        rounding=Rounding(settings.campaign_round_step, settings.campaign_round_mode),
        four_eyes=settings.campaign_four_eyes,
        halt=HaltRules(
            float(settings.campaign_halt_errors_percent),
            float(settings.campaign_halt_drift_percent),
            settings.campaign_halt_after,
        ),
        zone=known.business_timezone,
        keep_s=settings.campaign_retention_s,
    )


def business_times(settings: Settings) -> dict[str, BusinessTime]:
    """By account: the time zone in which campaigns' times are read and shown."""
    return {
        name: BusinessTime(account.business_timezone) for name, account in settings.accounts.items()
    }
