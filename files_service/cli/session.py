"""The context of all commands: settings and user-facing failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import click

from files_service.config import BadSettings, Settings, load_settings, read_config, unread_variables
from files_service.core import Core
from files_service.errors import FilesError
from files_service.runtime.terminal import echo
from files_service.services.opening import open_core
from storage_adapters import StorageUnavailable, UnknownStore


class Failed(click.ClickException):
    """An expected failure: one line with the cause, one with advice. Exit status 1."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(f"{message}\n{advice}" if advice else message)


def failure_of(error: FilesError) -> Failed:
    """Format an error with its code, its details, and the faults of fields that its message does not name."""
    message = str(error)
    lines = [f"{error.code}: {message}"]
    details = dict(error.details)
    fields = details.pop("fields", None)
    if isinstance(fields, dict):
        texts = [(f"{name}: ", " ".join(map(str, faults))) for name, faults in fields.items()]
        lines += [f"  {name}{text}" for name, text in texts if text not in message]
    lines += [f"  {name}: {value}" for name, value in details.items()]
    return Failed("\n".join(lines))


class Session:
    """One run of the command."""

    def __init__(self, config_path: str | None) -> None:
        self.config_path = config_path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The full configuration file, with environment variables substituted."""
        try:
            config = read_config(self.config_path)
        except BadSettings as error:
            raise Failed(str(error), "docs/settings.md describes the file and every key.") from error
        for name, advice in unread_variables(self.config_path).items():
            echo(f"{name} has no effect: {advice}", err=True)
        return config

    @cached_property
    def settings(self) -> Settings:
        """The validated settings of the service."""
        return self._load(make_secrets=True)

    @cached_property
    def client_settings(self) -> Settings:
        """The validated settings of a client, which may run on any machine and makes no secrets there."""
        return self._load(make_secrets=False)

    def _load(self, *, make_secrets: bool) -> Settings:
        try:
            return load_settings(self.config, make_secrets=make_secrets)
        except BadSettings as error:
            raise Failed(f"invalid settings: {error}", "docs/settings.md describes every key.") from error

    @contextmanager
    def core(self, *, making: bool = False) -> Iterator[Core]:
        """Open the stores for the duration of the block; a metadata store that is new is made with ``making`` alone.

        Commands that look, or work on what is there, make none: they would take a server that was emptied beside the
        running service for a new one.
        """
        with opening_stores():
            core = open_core(self.settings, making=making)
        try:
            yield core
        finally:
            core.close()


@contextmanager
def opening_stores() -> Iterator[None]:
    """Turn errors of opening a store into failures with advice."""
    try:
        yield
    except BadSettings as error:
        raise Failed(f"invalid settings: {error}", "docs/settings.md describes every key.") from error
    except UnknownStore as error:
        variable = _variable_of(error) or "FILES_METADATA_URL, FILES_LIST_URL or FILES_BLOBS_URL"
        raise Failed(str(error), f"Correct {variable}; docs/stores.md has the forms of URLs.") from error
    except StorageUnavailable as error:
        which = f"the store of {_variable_of(error)}" if _variable_of(error) else "a store"
        raise Failed(f"cannot open {which}: {error}", "Run `files doctor` to check each part.") from error


def _variable_of(error: Exception) -> str:
    """Return the variable that names the store at fault, as ``services.opening`` has noted; "" without a note."""
    return next(iter(getattr(error, "__notes__", ())), "")
