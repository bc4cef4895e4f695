"""A person who has signed in, and what they may do in each account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{0,63}")
"""What a person's name may be: it goes into audit logs and onto command lines."""


class Role(StrEnum):
    """What somebody may do in an account. Whoever has any of them may look."""

    VIEWER = "viewer"
    PLANNER = "planner"
    """Plans campaigns, applies approved ones, and steers their runs."""
    APPROVER = "approver"
    """Approves plans and sends them back."""
    OPERATOR = "operator"
    """Pauses lanes, steers runs, and decides what becomes of dead letters."""


Grants = Mapping[str, frozenset[Role]]
"""Roles by account."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whose name was proved."""

    name: str
    grants: Grants
    source: str = "local"
    """local, or the address of the provider that vouches for the name."""

    def may(self, role: Role, account: str) -> bool:
        """Whether they have the role there; to look, any role is enough."""
        roles = self.grants.get(account, frozenset())
        return bool(roles) if role is Role.VIEWER else role in roles

    def accounts(self) -> list[str]:
        """The accounts that they may look at."""
        return sorted(account for account, roles in self.grants.items() if roles)


def parse_grants(texts: Iterable[str]) -> dict[str, frozenset[Role]]:
    """From `account:role` each. Raises ValueError that names the faulty one."""
    grants: dict[str, set[Role]] = {}
    for text in texts:
        account, sign, role = text.rpartition(":")
        if not (sign and account and role in set(Role)):
            raise ValueError(f"{text!r}: give ACCOUNT:ROLE, with a role of {', '.join(Role)}")
        grants.setdefault(account, set()).add(Role(role))
    return {account: frozenset(roles) for account, roles in grants.items()}
