"""The public halves of signing keys: whose they are, for what and until when they count."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from redis import Redis

from campaigns.errors import NotAllowedError
from campaigns.signing import ANYBODY, SigningKey, Word, is_signed
from campaigns.store.keys import SIGNERS, WHAT
from worker.redis_kit.reply import text, texts
from worker.redis_kit.scripts import fail_closed

# A token may be used on a machine whose clock is behind the console's.
_BEHIND_S = 300.0
_NEEDED = {"plan": "planner", "approve": "approver"}


@dataclass(frozen=True, slots=True)
class SignerRecord:
    """What is known of a key. JSON values."""

    id: str
    name: str
    public: str
    """Hexadecimal."""
    until: float
    """Unix time, seconds."""
    roles: tuple[str, ...]
    """What its owner might do when they took it, as `account:role`."""
    note: str = ""
    """What it is for, in its owner's words."""
    since: float = 0.0
    revoked_at: float | None = None

    @property
    def ends_at(self) -> float:
        """From when on it signs nothing that counts (Unix time, seconds)."""
        return self.until if self.revoked_at is None else min(self.until, self.revoked_at)

    def proves(self, word: Word, signature: str) -> bool:
        """Whether the word is one of its owner, who might say it then."""
        if self.name != ANYBODY:
            role = f"{word.account}:{_NEEDED[word.what]}"
            is_in_time = self.since - _BEHIND_S <= word.at < self.ends_at
            if self.name != word.by or role not in self.roles or not is_in_time:
                return False
        return is_signed(word, bytes.fromhex(self.public), signature)


class Signers:
    """The signers of all accounts. Methods raise Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, record: SignerRecord) -> None:
        """Make a key known."""
        with fail_closed(WHAT):
            self._redis.hset(SIGNERS, record.id, json.dumps(asdict(record)))

    def add_console(self, key: SigningKey) -> None:
        """The key by which a console vouches for those who have signed in there."""
        self.add(SignerRecord(key.id, ANYBODY, key.public.hex(), 0.0, ()))

    def get(self, signer: str) -> SignerRecord | None:
        """The signer; None if nobody is known by it."""
        with fail_closed(WHAT):
            found = self._redis.hget(SIGNERS, signer)
        return _record(text(found)) if found else None

    def of(self, name: str) -> list[SignerRecord]:
        """A person's, the newest first."""
        with fail_closed(WHAT):
            records = [_record(value) for value in texts(self._redis.hgetall(SIGNERS)).values()]
        mine = [record for record in records if record.name == name]
        return sorted(mine, key=lambda record: record.since, reverse=True)

    def revoke(self, signer: str, at: float) -> None:
        """Nothing that it signs from then on counts."""
        record = self.get(signer)
        if record and record.revoked_at is None:
            self.add(replace(record, revoked_at=at))

    def check(self, key: SigningKey) -> None:
        """Raises NotAllowedError for somebody's token whose words count no more.

        The time is Redis's: a clock that is behind must not make an old token good again.
        """
        if key.name == ANYBODY:
            return
        record = self.get(key.id)
        with fail_closed(WHAT):
            now = float(self._redis.time()[0])
        if record is None or record.name != key.name:
            why = "is not known here"
        elif record.revoked_at is not None:
            why = "was revoked"
        elif record.ends_at <= now:
            why = "has expired"
        else:
            return
        raise NotAllowedError(
            f"{key.name}'s token {why}: put another one from the console's page Tokens into "
            "REVIO_CONSOLE_TOKEN, or nothing"
        )

    def proves(self, word: Word, signer: str, signature: str) -> bool:
        """Whether somebody whose key is known has said exactly this."""
        record = self.get(signer) if signer else None
        return record is not None and record.proves(word, signature)


def _record(document: str) -> SignerRecord:
    fields = json.loads(document)
    return SignerRecord(**{**fields, "roles": tuple(fields["roles"])})
