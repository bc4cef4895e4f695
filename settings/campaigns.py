"""What repricing campaigns are held to."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from settings.numbers import CertainNumbers, check_certain
from settings.units import Count, Seconds, WholeSeconds

_LEVEL = "off|warn|override|block"


def check_limit(rail: str) -> str:
    """The guard rail, such as block:10, as a setting or an option has it.

    Raises ValueError for a limit such as 10.000, see `check_certain`.
    """
    check_certain(rail.replace(":", " ").rpartition(" ")[2])
    return rail


Level = Annotated[str, StringConstraints(pattern=rf"^({_LEVEL})$")]
LevelAndLimit = Annotated[
    str,
    StringConstraints(pattern=r"^(off|(warn|override|block)[: ]\d+(\.\d+)?)$"),
    AfterValidator(check_limit),
]
Percentage = Annotated[Decimal, Field(ge=0, le=100)]
_LEVELS = "`off`, `warn`, `override` (passes with a named reason) or `block`"


class CampaignSettings(CertainNumbers):
    """Guard rails are checked when planning; those of a row, except `repeat`, by the worker before
    each call, and those of the whole plan again when it is applied.
    """

    campaign_rail_below_cost: Level = Field(
        default="override", description=f"Guard rail, a rate below the product's cost: {_LEVELS}."
    )
    campaign_rail_change: LevelAndLimit = Field(
        default="override:30",
        description="Guard rail, a rate that changes by more than this percentage.",
    )
    campaign_rail_sign: Level = Field(
        default="block", description="Guard rail, a charge that becomes a credit or the reverse."
    )
    campaign_rail_zero: Level = Field(
        default="override", description="Guard rail, a rate that becomes zero or empty."
    )
    campaign_rail_cap: LevelAndLimit = Field(
        default="block:10000",
        description="Guard rail, a rate above this amount, or a credit of more than it, after "
        "rounding.",
    )
    campaign_rail_billed: Level = Field(
        default="warn",
        description="Guard rail, a product billed past the date from which the change holds.",
    )
    campaign_rail_repeat: LevelAndLimit = Field(
        default="override:25",
        description="Guard rail, a product that a run has changed within so many days, as long as "
        "runs are kept, or is still to change.",
    )
    campaign_rail_rows: LevelAndLimit = Field(
        default="override:50000", description="Guard rail, a plan that changes more rows."
    )
    campaign_rail_revenue: LevelAndLimit = Field(
        default="override:20",
        description="Guard rail, a plan that changes revenue by more than this percentage.",
    )
    campaign_rail_uncertified: Level = Field(
        default="warn",
        description="Guard rail, a plan for an account without a certificate: see `revio certify`.",
    )
    campaign_round_step: Annotated[Decimal, Field(gt=0, decimal_places=4)] = Field(
        default=Decimal("0.01"), description="Computed rates are rounded to multiples of this."
    )
    campaign_round_mode: Literal["half-up", "half-even", "up", "down", "ceiling", "floor"] = Field(
        default="half-up", description="How computed rates are rounded."
    )
    campaign_four_eyes: bool = Field(
        default=False, description="Whether somebody other than its author must approve a plan."
    )
    campaign_window: int = Field(
        default=100,
        ge=1,
        le=5000,
        description="Jobs of an account's campaigns that are in the queue at a time.",
    )
    campaign_fresh_s: Seconds = Field(
        default=60,
        description="Seconds for which a product's values count as just read. Older ones are read "
        "again before it is changed.",
    )
    campaign_halt_errors_percent: Percentage = Field(
        default=Decimal(5), description="Per cent of failed rows beyond which a run halts."
    )
    campaign_halt_drift_percent: Percentage = Field(
        default=Decimal(10),
        description="Per cent of drifted or superseded rows beyond which a run halts.",
    )
    campaign_halt_after: Count = Field(
        default=50,
        description="Rows that must have ended before these rates count; at the end of a stage "
        "they always do.",
    )
    campaign_retention_s: WholeSeconds = Field(
        default=90 * 86_400,
        description="Seconds for which a run's rows and outcomes are kept after it ended.",
    )

    @property
    def rails(self) -> dict[str, str]:
        """Each guard rail's level and limit, as text."""
        prefix = "campaign_rail_"
        return {
            name.removeprefix(prefix): getattr(self, name)
            for name in CampaignSettings.model_fields
            if name.startswith(prefix)
        }
