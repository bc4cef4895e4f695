"""The one place that reads the environment. It imports nothing of ours."""

from settings.account import AccountSettings
from settings.loading import SettingsError, load
from settings.model import Settings

__all__ = ["AccountSettings", "Settings", "SettingsError", "load"]
