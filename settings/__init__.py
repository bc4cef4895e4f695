"""The one place that reads the environment. It imports nothing of ours."""

from settings.account import AccountSettings
from settings.loading import SettingsError, load, load_redis, secrets_dir
from settings.model import RedisSettings, Settings

__all__ = [
    "AccountSettings",
    "RedisSettings",
    "Settings",
    "SettingsError",
    "load",
    "load_redis",
    "secrets_dir",
]
