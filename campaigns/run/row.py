"""One row of a campaign's run: a product, what it must be before, and what it shall become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from revio_jobs.contracts import CampaignRow, CustomerProductRecord, Expected, UpdateJob
from revio_jobs.contracts.decode import decode
from tasks.update.reconcile import differences

_READABLE = frozenset(Expected.model_fields)
_VENDOR_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """JSON values throughout."""

    id: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    clear: tuple[str, ...] = ()
    status: str | None = None

    def job(
        self, account: str, run: str, key: str, record: CustomerProductRecord | None, read_at: float
    ) -> UpdateJob:
        """The row's update; `record` is what was read at `read_at` (Unix time), if it was read.

        What the job means follows from the row alone, so that a repeat under the same key is the
        same job. Raises InvalidJob.
        """
        campaign: dict[str, Any] = {"run": run}
        if record is not None:
            campaign |= {
                "read_at": read_at,
                "rate": record["rate"],
                "quantity": record["quantity"],
                "cost": record["cost"],
                "billed_through_date": record["billed_through_date"],
            }
        return decode(
            UpdateJob,
            {
                "account": account,
                "id": self.id,
                "idempotency_key": key,
                **self.after,
                **({"clear": self.clear} if self.clear else {}),
                "expected": self._expected(),
                "campaign": CampaignRow.model_validate(campaign),
            },
        )

    def drift(self, record: CustomerProductRecord) -> dict[str, Any]:
        """The before-values that do not hold any more, with what was found."""
        return differences(Expected.model_validate(self._expected()).named(), record)

    def shows(self, record: CustomerProductRecord) -> bool:
        """Whether the product is as the row wants it, as far as a query tells."""
        return not self.unlike(record)

    def unlike(self, record: CustomerProductRecord) -> dict[str, Any]:
        """The after-values that the product does not have, with what was found."""
        wanted = {name: value for name, value in self.after.items() if name in _READABLE}
        typed = Expected.model_validate(wanted).named() | dict.fromkeys(self.clear)
        return differences(typed, record)

    def would_show(self, found: Mapping[str, Any]) -> bool:
        """As `shows`, given only the expected fields that did not hold."""
        known = {**self.before, **found}
        names = [*(name for name in self.after if name in _READABLE), *self.clear]
        unread = dict.fromkeys(name for name in names if name not in known)
        return bool(names) and not self.unlike({**unread, **known})  # type: ignore[typeddict-item]

    def _expected(self) -> dict[str, Any]:
        expected = {
            name: _exact(value) if name == "rate" else value
            for name, value in self.before.items()
            if name in _READABLE
        }
        return {**expected, "status": self.status}


def _exact(rate: str | None) -> str | None:
    """Zeros beyond the contract's decimals are dropped; a digit there is for it to refuse."""
    if rate is None:
        return None
    amount = Decimal(rate)
    if -int(amount.as_tuple().exponent) <= _VENDOR_DECIMALS:
        return rate
    return format(amount.normalize(), "f")
