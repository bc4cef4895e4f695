"""What people have said of plans: who made one, approved it or sent it back."""

from __future__ import annotations

import json
from dataclasses import dataclass

from redis import Redis

from campaigns.errors import NotAllowedError
from campaigns.store.audit_log import entry
from campaigns.store.keys import WHAT, AccountKeys, RunKeys
from worker.redis_kit.reply import text
from worker.redis_kit.scripts import fail_closed, load_script


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word for one plan, known by its digest."""

    digest: str
    by: str
    at: float
    """Unix time, seconds."""
    reason: str
    signer: str = ""
    """The key that proves who it was; "" if nothing does."""
    signature: str = ""

    def document(self) -> str:
        """As JSON."""
        return json.dumps([self.by, self.at, self.reason, self.signer, self.signature])


class PlanDecisions:
    """Of one account's plans. Every method raises Unavailable."""

    def __init__(self, redis: Redis, account: str, *, keep_s: int) -> None:
        self._redis = redis
        self._account = account
        self._keep_s = keep_s
        self._approvals = AccountKeys(account).approvals
        self._script = load_script(redis, "campaigns.store", "decide_plan")

    def approve(
        self, plan: str, run: str, approval: Approval, *, instead_of: Approval | None = None
    ) -> Approval | None:
        """`plan`: its name, by which an approval of another version is found; `run`: its run's.

        `instead_of`: the approval that is known. Returns another that was given meanwhile, or the
        refusal of a plan that was sent back, either of which stays; None: this one counts.
        """
        return self._decide(
            run,
            "approve",
            f"digest:{approval.digest}",
            approval,
            instead_of,
            by_name=(f"name:{plan}", approval.digest),
            too_late_after=sent_back_field(approval.digest),
        )

    def send_back(self, run: str, refusal: Approval) -> Approval | None:
        """`refusal`: the opposite of an approval; it overrides any earlier approval.

        Returns another that was given before, and that stays; None: this one counts. Raises
        NotAllowedError once the run has begun.
        """
        return self._decide(run, "send back", sent_back_field(refusal.digest), refusal, None)

    def _decide(
        self,
        run: str,
        what: str,
        field_name: str,
        word: Approval,
        known: Approval | None,
        *,
        by_name: tuple[str, str] = ("", ""),
        too_late_after: str = "",
    ) -> Approval | None:
        """In the audit log of a run that has perhaps not begun."""
        keys = RunKeys(self._account, run)
        with fail_closed(WHAT):
            end, *held = self._script(
                keys=[self._approvals, keys.audit, keys.spec],
                args=[
                    field_name,
                    word.document(),
                    known.document() if known else "",
                    entry(word.at, word.by, what, word.reason),
                    self._keep_s,
                    *by_name,
                    too_late_after,
                ],
            )
        if text(end) == "begun":
            raise NotAllowedError(f"run {run} has begun: pause or cancel it instead")
        return Approval(word.digest, *json.loads(held[0])) if held else None

    def approval(self, digest: str) -> Approval | None:
        """The approval of exactly that plan."""
        return self._word(f"digest:{digest}")

    def note_author(self, word: Approval) -> None:
        """Who has made a plan, with the proof of that."""
        with fail_closed(WHAT):
            self._redis.hset(self._approvals, f"author:{word.digest}", word.document())

    def author(self, digest: str) -> Approval | None:
        """Who has made exactly that plan; None if nobody has given a proof."""
        return self._word(f"author:{digest}")

    def sent_back(self, digest: str) -> Approval | None:
        """Who refused exactly that plan, and why; None if nobody has sent it back."""
        return self._word(sent_back_field(digest))

    def approved_digest(self, plan: str) -> str | None:
        """The digest of the last plan of that name that was approved."""
        with fail_closed(WHAT):
            found = self._redis.hget(self._approvals, f"name:{plan}")
        return text(found) if found else None

    def _word(self, field_name: str) -> Approval | None:
        with fail_closed(WHAT):
            held = self._redis.hget(self._approvals, field_name)
        digest = field_name.partition(":")[2]
        return Approval(digest, *json.loads(held)) if held else None


def sent_back_field(digest: str) -> str:
    """Of an account's approvals: holds who has sent the plan back, and why."""
    return f"back:{digest}"
