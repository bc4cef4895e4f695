"""What people have said of plans: who made one, approved it or sent it back."""

from __future__ import annotations

import json
from dataclasses import dataclass

from redis import Redis

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

        `instead_of`: the approval that is known. Returns another that was given meanwhile, and
        that stays; None: this one counts.
        """
        by_name = (f"name:{plan}", approval.digest)
        return self._decide(
            run, "approve", f"digest:{approval.digest}", approval, instead_of, by_name
        )

    def send_back(self, run: str, refusal: Approval) -> Approval | None:
        """`refusal`: the opposite of an approval; it overrides any earlier approval.

        Returns another that was given before, and that stays; None: this one counts.
        """
        return self._decide(run, "send back", f"back:{refusal.digest}", refusal, None)

    def _decide(  # noqa: PLR0917 - what is decided, and what is known of it
        self,
        run: str,
        what: str,
        field_name: str,
        word: Approval,
        known: Approval | None,
        by_name: tuple[str, str] = ("", ""),
    ) -> Approval | None:
        """In the audit log of a run that has perhaps not begun."""
        with fail_closed(WHAT):
            held = self._script(
                keys=[self._approvals, RunKeys(self._account, run).audit],
                args=[
                    field_name,
                    word.document(),
                    known.document() if known else "",
                    entry(word.at, word.by, what, word.reason),
                    self._keep_s,
                    *by_name,
                ],
            )
        return Approval(word.digest, *json.loads(held)) if held else None

    def approval(self, digest: str) -> Approval | None:
        """The approval of exactly that plan."""
        return self._word("digest", digest)

    def note_author(self, word: Approval) -> None:
        """Who has made a plan, with the proof of that."""
        with fail_closed(WHAT):
            self._redis.hset(self._approvals, f"author:{word.digest}", word.document())

    def author(self, digest: str) -> Approval | None:
        """Who has made exactly that plan; None if nobody has given a proof."""
        return self._word("author", digest)

    def sent_back(self, digest: str) -> Approval | None:
        """Who refused exactly that plan, and why; None if nobody has sent it back."""
        return self._word("back", digest)

    def approved_digest(self, plan: str) -> str | None:
        """The digest of the last plan of that name that was approved."""
        with fail_closed(WHAT):
            found = self._redis.hget(self._approvals, f"name:{plan}")
        return text(found) if found else None

    def _word(self, kind: str, digest: str) -> Approval | None:
        with fail_closed(WHAT):
            held = self._redis.hget(self._approvals, f"{kind}:{digest}")
        return Approval(digest, *json.loads(held)) if held else None
