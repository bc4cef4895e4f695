"""Words that prove who said them: Ed25519 keys that the console gives to people.

Four-eyes needs two people, and a name on a command line proves nobody. Whoever has signed in at the
console may take a token from there, which holds a private key; the console signs for those who
decide on its pages.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from campaigns.errors import NotAllowedError

ANYBODY = ""
"""The name of a key that signs for whoever has signed in: the console's own."""
_PREFIX = "revio-token"
_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Word:
    """What is signed: who said what about which plan, when and why."""

    account: str
    what: str
    """plan or approve."""
    digest: str
    by: str
    at: float
    reason: str

    def content(self) -> bytes:
        """All of it; no two words have the same."""
        said = [self.account, self.what, self.digest, self.by, self.at, self.reason]
        return json.dumps(said).encode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and whose it is."""

    name: str
    """Whose words it signs; ANYBODY's for the console's own."""
    seed: bytes = field(repr=False)

    @classmethod
    def derived(cls, secret: str) -> Self:
        """The console's own key: the same as long as its secret is."""
        return cls(ANYBODY, hashlib.sha256(f"revio console signs\n{secret}".encode()).digest())

    @classmethod
    def parse(cls, token: str) -> Self:
        """From a token's text. Raises NotAllowedError."""
        prefix, _, rest = token.strip().partition(":")
        name, _, encoded = rest.rpartition(":")
        try:
            seed = base64.urlsafe_b64decode(encoded)
        except (binascii.Error, ValueError):
            seed = b""
        if prefix != _PREFIX or not name or len(seed) != _SEED_BYTES:
            raise NotAllowedError("REVIO_CONSOLE_TOKEN is not a token of the console")
        return cls(name, seed)

    @property
    def token(self) -> str:
        """Its text, for the person whose key it is."""
        return f"{_PREFIX}:{self.name}:{base64.urlsafe_b64encode(self.seed).decode()}"

    @property
    def public(self) -> bytes:
        """That tells its words from others'."""
        return self._private().public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """By which its public half is found."""
        return hashlib.sha256(self.public).hexdigest()[:16]

    def sign(self, word: Word) -> str:
        """A signature. Raises NotAllowedError for the word of somebody else."""
        if self.name not in {ANYBODY, word.by}:
            raise NotAllowedError(f"the token is {self.name}'s, and cannot speak for {word.by}")
        return base64.b64encode(self._private().sign(word.content())).decode()

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def is_signed(word: Word, public: bytes, signature: str) -> bool:
    """Whether the key's owner has said exactly this."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(base64.b64decode(signature, validate=True), word.content())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
