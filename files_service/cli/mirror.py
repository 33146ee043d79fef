"""``files mirror``: copies that the blob store or its mirror lacks."""

from __future__ import annotations

import click

from files_service.cli.session import Failed, Session
from files_service.domain.sizes import number_of
from files_service.runtime.terminal import echo
from files_service.services.disk_faults import is_gone
from storage_adapters import BlobNotFound, StorageError, StorageUnavailable, SupportsCopyRepair, SupportsListing

STEP = 100


@click.command()
@click.option("--start", default="", metavar="KEY", help="Go on behind this key, which an interrupted run printed.")
@click.pass_obj
def mirror(session: Session, start: str) -> None:
    """Make the copies of blobs that the blob store or its mirror lacks.

    For a mirror that is new or was replaced. The service may run meanwhile. A run that was interrupted is continued by
    the next one. Exit status 1 when a disk cannot describe a copy: the scrub makes it anew where the other is good.
    """
    blobs = made = 0
    left: list[str] = []
    with session.core() as core:
        store = core.blobs
        if not isinstance(store, SupportsCopyRepair) or not isinstance(store, SupportsListing):
            raise Failed("there is no mirror: FILES_MIRROR_URL is empty", "docs/operations.md describes it.")
        try:
            while page := store.scan(after=start, limit=STEP):
                for info in page:
                    try:
                        made += _restored(store, info.key)
                    except StorageUnavailable as error:
                        if not is_gone(core.blobs, error):
                            raise
                        left.append(info.key)
                    blobs, start = blobs + 1, info.key
                echo(f"{_shown(blobs, made)}; to go on: files mirror --start {start}", err=True)
        except StorageError as error:
            raise Failed(str(error), f"To go on: files mirror --start '{start}'") from error
    for key in left:
        echo(f"a copy cannot be described, left as it is: {key}", err=True)
    echo(f"mirrored: {_shown(blobs, made)}")
    if left:
        raise Failed(f"left as before: {number_of(len(left), 'blob')}", "Run `files scrub`.")


def _shown(blobs: int, made: int) -> str:
    return f"{number_of(blobs, 'blob')}, {number_of(made, 'copy')} made"


def _restored(store: SupportsCopyRepair, key: str) -> int:
    try:
        return store.restore(key)
    except BlobNotFound:
        # Deleted since the list was read.
        return 0
