"""Settings: one YAML file with ``${ENV:default}``, validated at start. Nothing is read at import time."""

from files_service.config.loading import child_environment, load_settings, read_config, unread_variables
from files_service.config.schema import SettingsSchema
from files_service.config.settings import BadSettings, Settings

__all__ = [
    "BadSettings",
    "Settings",
    "SettingsSchema",
    "child_environment",
    "load_settings",
    "read_config",
    "unread_variables",
]
