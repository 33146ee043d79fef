"""``files rotate-keys``: wrap the keys of tenants with the newest key of the installation."""

from __future__ import annotations

from contextlib import closing

import click

from files_service.cli.session import Failed, Session, opening_stores
from files_service.runtime.terminal import echo
from files_service.services.opening import tenant_keys
from storage_adapters import StorageError, open_metadata_store


@click.command("rotate-keys")
@click.pass_obj
def rotate_keys(session: Session) -> None:
    """Wrap the keys of all tenants with the first key of FILES_ENCRYPTION_KEYS.

    Put a new key first, restart all processes, run this command, and then remove the old key. No bytes are rewritten.
    A run that was interrupted is continued by the next one.
    """
    settings = session.settings
    with opening_stores():
        metadata = open_metadata_store(settings.metadata_url)
    with closing(metadata):
        with opening_stores():
            keys = tenant_keys(settings, metadata)
        if keys is None:
            raise Failed("encryption is off: FILES_ENCRYPTION_KEYS is empty", "docs/operations.md describes it.")
        try:
            count = sum(1 for _ in keys.rotate())
        except StorageError as error:
            raise Failed(str(error), "Configure the key that the message names, and repeat the command.") from error
    echo(f"keys of tenants wrapped anew: {count}; all are wrapped by {keys.wrapped_by} now")
