"""``files encrypt`` and ``files rotate-keys``: encryption of what is stored, and new keys of the installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import click

from files_service.cli.session import Failed, Session, opening_stores
from files_service.domain.sizes import number_of
from files_service.runtime.terminal import echo
from files_service.services.opening import open_metadata, tenant_keys
from storage_adapters import Resealed, StorageError, SupportsResealing

STEP = 100
_OFF = "encryption is off: FILES_ENCRYPTION_KEYS is empty"
_ADVICE = "docs/operations.md describes it."


@click.command()
@click.option("--start", default="", metavar="KEY", help="Go on behind this key, which an interrupted run printed.")
@click.pass_obj
def encrypt(session: Session, start: str) -> None:
    """Encrypt the bytes that were stored before encryption was on.

    The service may run meanwhile. A run that was interrupted is continued by the next one. Exit status 1 when bytes
    were left as they are: they are damaged, or the store cannot read or exchange them.
    """
    blobs = size = 0
    damaged: list[str] = []
    left: list[str] = []
    with session.core() as core:
        if not session.settings.encryption_keys:
            raise Failed(_OFF, _ADVICE)
        if not isinstance(core.blobs, SupportsResealing):
            raise Failed("the blob store cannot exchange stored bytes", _ADVICE)
        for step in _steps(core.blobs, start):
            blobs, size = blobs + step.blobs, size + step.bytes
            damaged += step.damaged
            left += step.left
            if step.blobs and step.after:
                echo(f"{_shown(blobs, size)}; to go on: files encrypt --start {step.after}", err=True)
    for key in damaged:
        echo(f"damaged, left as it is: {key}", err=True)
    for key in left:
        echo(f"cannot be read or exchanged, left as it is: {key}", err=True)
    echo(f"encrypted: {_shown(blobs, size)}")
    if damaged or left:
        count = number_of(len(damaged) + len(left), "blob")
        raise Failed(f"left as before: {count}", "Run `files scrub`, send lost files again, and repeat the command.")


def _shown(blobs: int, size: int) -> str:
    return f"{number_of(blobs, 'blob')}, {number_of(size, 'byte')}"


def _steps(store: SupportsResealing, start: str) -> Iterator[Resealed]:
    after: str | None = start
    while after is not None:
        try:
            step = store.reseal(STEP, after=after)
        except StorageError as error:
            raise Failed(str(error), f"To go on: files encrypt --start '{after}'") from error
        yield step
        after = step.after


@click.command("rotate-keys")
@click.pass_obj
def rotate_keys(session: Session) -> None:
    """Wrap the keys of all tenants with the first key of FILES_ENCRYPTION_KEYS.

    Put a new key first, restart all processes, run this command, and then remove the old key. No bytes are rewritten.
    A run that was interrupted is continued by the next one.
    """
    settings = session.settings
    with opening_stores():
        metadata = open_metadata(settings, making=False)
    with closing(metadata):
        with opening_stores():
            keys = tenant_keys(settings, metadata)
        if keys is None:
            raise Failed(_OFF, _ADVICE)
        try:
            count = sum(1 for _ in keys.rotate())
        except StorageError as error:
            raise Failed(str(error), "Configure the key that the message names, and repeat the command.") from error
    echo(f"keys of tenants wrapped anew: {count}; all are wrapped by {keys.wrapped_by} now")
