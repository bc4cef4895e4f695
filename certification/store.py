"""The last certificate of each account, where doctor, plans and other hosts find it."""

from __future__ import annotations

import json
from typing import Any

from redis import Redis

from certification.certificate import Certificate
from worker.redis_kit.scripts import fail_closed


class Certificates:
    """In Redis, without an end. Raises Unavailable if it cannot be asked."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    def save(self, certificate: Certificate) -> None:
        """Replaces the one before."""
        with fail_closed("the certificate"):
            self._redis.set(_key(certificate.account), json.dumps(certificate.document()))

    def load(self, account: str) -> Certificate | None:
        """The certificate; None if there is none, or if another version made it."""
        with fail_closed("the certificate"):
            stored = self._redis.get(_key(account))
        if not stored:
            return None
        try:
            return Certificate.of(json.loads(stored))
        except (ValueError, KeyError, TypeError):
            return None


def _key(account: str) -> str:
    return f"revio:{account}:certificate"
