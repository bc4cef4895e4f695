"""Reads the settings where an operator puts them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SourceError

from settings.dot_env import DOT_ENV, dot_env_value, faults_of_dot_env
from settings.faults import faults_of, faults_of_names, faults_of_quotes, faults_of_spellings
from settings.model import RedisSettings, Settings
from settings.names import PREFIX, SECRETS_DIR_VARIABLE

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

S = TypeVar("S", bound=RedisSettings)

_DEFAULT_SECRETS_DIR = Path("/run/secrets")
_LARGEST_SECRET = 1_000_000
"""Bytes; a private key with its certificates has some thousand."""


class SettingsError(Exception):
    """The settings are wrong. Its text has one line a fault and shows no secret."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


def load() -> Settings:
    """The settings from the environment, else from `.env` here, else from the secrets directory.

    Raises SettingsError with every fault found.
    """
    names, values = _read()
    return _validated(Settings, names, values)


def load_redis() -> RedisSettings:
    """As `load`, but Redis alone: a producer has no account, and needs none."""
    names, values = _read()
    wanted = {name: values[name] for name in RedisSettings.model_fields if name in values}
    return _validated(RedisSettings, names, wanted)


def secrets_dir() -> Path | None:
    """The directory from which secrets are read, if any.

    It is named in the environment, else in `.env`. Raises SettingsError if the named one is not
    there.
    """
    named = os.environ.get(SECRETS_DIR_VARIABLE) or dot_env_value(SECRETS_DIR_VARIABLE)
    if named and not Path(named).is_dir():
        raise SettingsError([f"{SECRETS_DIR_VARIABLE}: {named!r} is not a directory"])
    directory = Path(named) if named else _DEFAULT_SECRETS_DIR
    return directory if directory.is_dir() else None


def _validated(kind: type[S], names: Iterable[str], values: Mapping[str, Any]) -> S:
    faults = faults_of_names(names)
    try:
        settings = kind.model_validate(values)
    except ValidationError as exc:
        raise SettingsError([*faults, *faults_of(exc)]) from None
    if faults:
        raise SettingsError(faults)
    return settings


def _read() -> tuple[Iterable[str], dict[str, Any]]:
    """The names of all variables with our prefix, and the values by field."""
    try:
        faults = [*faults_of_spellings(os.environ), *faults_of_quotes(os.environ)]
        if faults := [*faults, *faults_of_dot_env(os.environ)]:
            raise SettingsError(faults)
        source = _Everywhere(_Variables)
    except OSError as exc:
        raise SettingsError([f"{exc.filename}: cannot be read: {exc.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{PREFIX}…: a secret file or .env is not UTF-8 text"]) from None
    try:
        return source.env_vars, source()
    except SourceError:  # the one setting that may be given as JSON
        raise SettingsError(
            [f"{PREFIX}ACCOUNTS: must be a JSON object of accounts, with each name once"]
        ) from None


class _Variables(Settings, BaseSettings):
    """Tells pydantic-settings the names; never instantiated."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        env_file=DOT_ENV,
    )


class _Everywhere(EnvSettingsSource):
    """All places as one set of variables, so that a place may override a single nested one."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - as pydantic's
        """JSON, in which no name may be there twice: the later value would count."""
        decoded = super().decode_complex_value(field_name, field, value)
        if isinstance(decoded, dict):
            json.loads(value, object_pairs_hook=_each_once)
        return decoded

    def _load_env_vars(self) -> Mapping[str, str | None]:
        places = (
            _SecretFiles(SecretsSettingsSource(_Variables, secrets_dir())).env_vars,
            DotEnvSettingsSource(_Variables).env_vars,
            super()._load_env_vars(),
        )
        return {
            name: value
            for place in places
            for name, value in place.items()
            if name.upper().startswith(PREFIX)
        }


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is there twice")
    return members


class _SecretFiles(NestedSecretsSettingsSource):
    """Opens no file but those named as our variables: the directory may hold others' secrets."""

    def validate_secrets_path(self, path: Path) -> None:
        """Leave files that are not ours alone: the base class adds up the sizes of all of them."""

    @classmethod
    def load_secrets(cls, path: Path) -> dict[str, str]:
        """What the files hold, by name; an empty one counts as unset, like an empty variable."""
        return {
            file.name: text
            for file in path.iterdir()
            if file.name.upper().startswith(PREFIX) and file.is_file()
            if (text := _secret_text(file))
        }


def _secret_text(file: Path) -> str:
    if file.stat().st_size > _LARGEST_SECRET:
        raise SettingsError(
            [f"{file}: is larger than {_LARGEST_SECRET:,} bytes, and so is not a secret"]
        )
    text = file.read_text(encoding="utf-8-sig").strip("\r\n")
    if text.strip() and text != text.strip():
        way = "delete them, or give such a value in the environment"
        raise SettingsError([f"{file}: has blanks before or after its value; {way}"])
    return text.strip()
