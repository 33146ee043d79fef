"""``files mirror``: copies that the blob store or its mirror lacks."""

from __future__ import annotations

from collections.abc import Iterator

import click

from files_service.cli.session import Failed, Session
from files_service.runtime.terminal import echo
from storage_adapters import BlobInfo, BlobNotFound, StorageError, SupportsCopies, SupportsListing

STEP = 100


@click.command()
@click.option("--start", default="", metavar="KEY", help="Go on behind this key, which an interrupted run printed.")
@click.pass_obj
def mirror(session: Session, start: str) -> None:
    """Make the copies of blobs that the blob store or its mirror lacks.

    For a mirror that is new or was replaced. The service may run meanwhile. A run that was interrupted is continued by
    the next one.
    """
    blobs = made = 0
    with session.core() as core:
        store = core.blobs
        if not isinstance(store, SupportsCopies) or not isinstance(store, SupportsListing):
            raise Failed("there is no mirror: FILES_MIRROR_URL is empty", "docs/operations.md describes it.")
        for page in _pages(store, start):
            try:
                made += sum(_restored(store, info.key, core.clock()) for info in page)
            except StorageError as error:
                raise Failed(str(error), f"To go on: files mirror --start '{page[0].key}'") from error
            blobs += len(page)
            echo(f"{blobs} blobs, {made} copies made; to go on: files mirror --start {page[-1].key}", err=True)
    echo(f"mirrored: {blobs} blobs, {made} copies made")


def _pages(store: SupportsListing, start: str) -> Iterator[list[BlobInfo]]:
    after = start
    while page := store.scan(after=after, limit=STEP):
        yield page
        after = page[-1].key


def _restored(store: SupportsCopies, key: str, now: int) -> int:
    try:
        return store.restore(key, now=now)
    except BlobNotFound:
        # Deleted since the list was read.
        return 0
