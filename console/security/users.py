"""The console's own users: a JSON file of names, argon2 hashes and roles."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from console.security.identity import NAME, Grants, Identity, parse_grants

SHORTEST_PASSWORD = 12
_LONGEST_PASSWORD = 1000


class UserFileError(Exception):
    """The file of users cannot be read, or a change of it makes no sense."""


@dataclass(frozen=True, slots=True)
class User:
    """One local user."""

    name: str
    password_hash: str
    grants: Grants

    @property
    def stamp(self) -> str:
        """Another one for each password; of no use to whoever reads it."""
        return hashlib.sha256(self.password_hash.encode()).hexdigest()

    @property
    def identity(self) -> Identity:
        """Once the password was proved."""
        return Identity(self.name, self.grants)


class UserFile:
    """Read anew at each use, so that a change needs no restart. Methods raise UserFileError."""

    def __init__(self, path: Path, hasher: PasswordHasher | None = None) -> None:
        """`hasher`: argon2id with the library's recommended cost if omitted."""
        self._path = path
        self._hasher = hasher or PasswordHasher()
        # Verified where there is no such user, so that an answer takes as long as for another.
        self._decoy = self._hasher.hash("nobody has this password")

    def users(self) -> dict[str, User]:
        """By name; none where there is no file yet."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as exc:
            raise UserFileError(f"{self._path}: cannot be read: {exc}") from exc
        try:
            return {name: _user(name, document) for name, document in json.loads(text).items()}
        except (ValueError, AttributeError, KeyError, TypeError) as exc:
            raise UserFileError(f"{self._path}: it is damaged: {exc}") from exc

    def get(self, name: str) -> User | None:
        """The user of that name as the file has them now."""
        return self.users().get(name)

    def alike(self, name: str) -> User | None:
        """The user of that name in any case: four eyes must see one person as one."""
        return next((u for u in self.users().values() if u.name.lower() == name.lower()), None)

    def authenticate(self, name: str, password: str) -> Identity | None:
        """Who it is, or None; a wrong name takes as long as a wrong password."""
        user = self.get(name)
        try:
            self._hasher.verify(
                user.password_hash if user else self._decoy, password[:_LONGEST_PASSWORD]
            )
        except (VerificationError, InvalidHashError):
            return None
        return user.identity if user else None

    def add(self, name: str, password: str, grants: Grants) -> None:
        """A new user; an existing one is not changed."""
        if not NAME.fullmatch(name):
            raise UserFileError(f"{name!r} is not a name: letters, digits and @._+- can be in one")
        if not grants:
            raise UserFileError("a user without a role could do nothing: give ACCOUNT:ROLE")
        with self._changing() as users:
            if (known := self.alike(name)) is not None:
                raise UserFileError(f"{known.name} is there already")
            users[name] = User(name, self._hash(password), grants)

    def set_password(self, name: str, password: str) -> None:
        """Sessions that were begun with the old one end with the next request."""
        with self._changing() as users:
            users[name] = replace(_known(users, name), password_hash=self._hash(password))

    def set_grants(self, name: str, grants: Grants) -> None:
        """From the next request on, also in sessions that have begun."""
        with self._changing() as users:
            users[name] = replace(_known(users, name), grants=grants)

    def remove(self, name: str) -> None:
        """Their sessions end with the next request."""
        with self._changing() as users:
            del users[_known(users, name).name]

    def _hash(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
            raise UserFileError(f"a password has {SHORTEST_PASSWORD} characters or more")
        return self._hasher.hash(password)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, User]]:
        """One change at a time, and the file is never seen half written."""
        lock = self._path.with_name(f".{self._path.name}.lock")
        draft = self._path.with_name(f".{self._path.name}.draft")
        try:
            with lock.open("w") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                users = self.users()
                yield users
                documents = {name: _document(user) for name, user in users.items()}
                draft.touch(mode=0o600)
                draft.write_text(json.dumps(documents, indent=2), encoding="utf-8")
                draft.replace(self._path)
        except OSError as exc:
            raise UserFileError(f"{self._path}: cannot be written: {exc}") from exc


def _known(users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise UserFileError(f"there is no user {name}")
    return users[name]


def _document(user: User) -> dict[str, Any]:
    roles = [f"{account}:{role}" for account, held in user.grants.items() for role in sorted(held)]
    return {"password": user.password_hash, "roles": roles}


def _user(name: str, document: Mapping[str, Any]) -> User:
    return User(name, str(document["password"]), parse_grants(document["roles"]))
