"""What all commands share: the settings, read once, and failures that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import click

from files_service.config import BadSettings, Settings, load_settings, read_config
from files_service.core import Core
from files_service.services.opening import open_core
from storage_adapters import StorageUnavailable, UnknownStore


class Failed(click.ClickException):
    """Something expected went wrong: one line says what, another what to do. Exit status 1."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(f"{message}\n{advice}" if advice else message)


class Session:
    """One run of the command."""

    def __init__(self, config_path: str | None) -> None:
        self.config_path = config_path

    @cached_property
    def config(self) -> dict[str, Any]:
        """All settings as they are in the file, with the environment filled in."""
        try:
            return read_config(self.config_path)
        except BadSettings as error:
            raise Failed(str(error), "docs/settings.md describes the file and every key.") from error

    @cached_property
    def settings(self) -> Settings:
        """Ours of the settings, checked."""
        try:
            return load_settings(self.config)
        except BadSettings as error:
            raise Failed(f"the settings cannot be used: {error}", "docs/settings.md describes every key.") from error

    @contextmanager
    def core(self) -> Iterator[Core]:
        """Open the stores for as long as the block runs."""
        with opening_stores():
            core = open_core(self.settings)
        try:
            yield core
        finally:
            core.close()


@contextmanager
def opening_stores() -> Iterator[None]:
    """Say what is wrong with a store that the block cannot open, and what to do."""
    try:
        yield
    except UnknownStore as error:
        raise Failed(str(error), "Correct FILES_METADATA_URL, FILES_LIST_URL or FILES_BLOBS_URL.") from error
    except StorageUnavailable as error:
        raise Failed(f"a store cannot be opened: {error}", "`files doctor` checks each part.") from error
