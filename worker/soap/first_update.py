"""The first update after the vendor's WSDL has changed: read back before any other one goes.

The WSDL tells the form of a request and not what the service does with it. So one update is made
alone, and the product is read before and after: what was named must have changed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog

from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.contracts.product_fields import PRODUCT_FIELDS, values_agree
from revio_jobs.errors import RevioError, Throttled, Unavailable
from tasks.ports import Change, PartlyReadable, SpoiltAnswer
from worker.soap.wsdl.state import WsdlStates

_log = structlog.get_logger(__name__)

_CLAIM = "first update"
# Three calls with their waits; after that the process that claimed it is gone.
_LONGEST_S = 120.0
_OTHERS_WAIT_S = 5.0
# These follow from others, or from the vendor's own billing.
_MAY_FOLLOW = frozenset({"status", "canceled_date", "billed_through_date"})

Read = Callable[[int], CustomerProductRecord | None]


class FirstUpdate:
    """Makes one update of the account at a time, until one has been read back as it should be."""

    def __init__(
        self,
        account: str,
        states: WsdlStates,
        read: Read,
        on_proven: Callable[[], None],
        on_worse: Callable[[str], None],
    ) -> None:
        """`read` returns a product as it is now, with one call. `on_worse` stops updates."""
        self._account = account
        self._states = states
        self._read = read
        self._on_proven = on_proven
        self._on_worse = on_worse

    def make(self, change: Change, send: Callable[[], None]) -> None:
        """Raises Throttled while another update is being read back, else what `send` raises.

        Nothing that fails afterwards is raised: it would say that the update was not made.
        """
        if not self._states.claim(self._account, _CLAIM, _LONGEST_S):
            raise Throttled(_OTHERS_WAIT_S, "wsdl")
        try:
            before = self._before(change)
            send()
            self._judge(change, before)
        finally:
            with suppress(Unavailable):  # the claim ends by itself
                self._states.release(self._account, _CLAIM)

    def _before(self, change: Change) -> CustomerProductRecord | None:
        """The product's record; None if there is none that can be read: it proves nothing."""
        try:
            return self._read(change.id)
        except (PartlyReadable, SpoiltAnswer) as exc:
            _log.warning("first_update_not_read_back", account=self._account, reason=str(exc))
            return None

    def _judge(self, change: Change, before: CustomerProductRecord | None) -> None:
        """Never raises: the update was made, even if it cannot be read back or judged."""
        try:
            after = self._read(change.id)
            if before is not None and after is not None:
                self._compare(change, before, after)
        except (RevioError, PartlyReadable, SpoiltAnswer) as exc:
            _log.warning("first_update_not_read_back", account=self._account, reason=str(exc))

    def _compare(
        self, change: Change, before: CustomerProductRecord, after: CustomerProductRecord
    ) -> None:
        """Raises Unavailable if nobody can be told."""
        if wrong := unexpected(change, before, after):
            self._on_worse(
                f"the first update since the vendor's WSDL has changed, of customer product "
                f"{change.id}, did not do what it should: {', '.join(wrong)}"
            )
            return
        _log.info("first_update_read_back", account=self._account, product=change.id)
        self._on_proven()


def unexpected(
    change: Change, before: CustomerProductRecord, after: CustomerProductRecord
) -> list[str]:
    """The fields that are not as the change should have left them, in words."""
    old: dict[str, object] = {**before}
    new: dict[str, object] = {**after}
    wanted = {**old, **change.values, **dict.fromkeys(change.clear)}
    return [
        f"{name} is {new[name]!r} and was {old[name]!r}"
        for name, field in PRODUCT_FIELDS.items()
        if field.is_readable
        and name not in _MAY_FOLLOW
        and not values_agree(name, wanted[name], new[name])
    ]
