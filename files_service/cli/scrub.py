"""``files scrub``: read and hash all stored bytes now."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import click

from files_service.cli.session import Failed, Session
from files_service.config import Settings
from files_service.core import Core
from files_service.domain.sizes import number_of
from files_service.runtime.clock import now_ms
from files_service.runtime.terminal import echo
from files_service.services.scrub.examination import Loss
from files_service.services.scrub.marks import lost_parts
from files_service.services.scrub.progress import Progress, load_progress, save_progress
from files_service.services.scrub.walk import Walk
from storage_adapters import FileRecord, MetadataStore, Part, RevisionConflict, StorageError, SupportsDocuments

REPAIR = "Upload the same bytes again, or restore them from a backup and run: files scrub"
MOST_SHOWN = 5


@click.command()
@click.option("--owner", help="Only the files of this owner. Default: all files.")
@click.pass_obj
def scrub(session: Session, *, owner: str | None) -> None:
    """Read and hash all stored bytes now, without a limit on the rate.

    Marks lost parts as the worker does and prints them: file, part, reason, offset, owner and name. The exit status is
    1 when bytes are lost, or the store refuses to give some.
    """
    with session.core() as core:
        try:
            lost, unread, files = _scrub(core, owner)
        except StorageError as error:
            raise Failed(f"a store does not answer: {error}", "Run `files doctor` to check each part.") from error
    echo(f"{number_of(files, 'file')} read, {number_of(lost, 'part')} lost")
    if unread:
        raise Failed(f"{number_of(unread, 'part')} not read: the store refuses them", "The log names them and why.")
    if lost:
        raise SystemExit(1)


def _scrub(core: Core, owner: str | None) -> tuple[int, int, int]:
    """Run one pass; return the numbers of lost parts, of parts that were not read, and of files.

    A pass over all files counts as one of the worker's.
    """
    from rich.console import Console
    from rich.progress import BarColumn, FileSizeColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    lost: set[tuple[str, str]] = set()

    def show(record: FileRecord, part: Part, loss: Loss) -> None:
        if (record.file_id, part.part_id) not in lost:
            lost.add((record.file_id, part.part_id))
            echo(f"{record.file_id} {part.part_id} {loss.reason} {loss.offset} {record.owner} {record.name}")

    began_at, earlier = core.clock(), load_progress(core.metadata, now=core.clock())
    walk = Walk(core, owner=owner, on_loss=show)
    # No total: usage counts neither previews nor the copies of a mirror, all of which are read.
    columns = (TextColumn("{task.description}"), BarColumn(), FileSizeColumn(), TransferSpeedColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("scrub", total=None)
        for cost in walk.steps():
            bar.advance(task, cost)
    if owner is None:
        _record(core, began_at, earlier)
    return len(lost), walk.unread, walk.files


def _record(core: Core, began_at: int, earlier: Progress | None) -> None:
    """Store the pass in the place of the worker's, which goes on from there; a worker that was faster is right."""
    progress = earlier.following(began_at) if earlier is not None else Progress(began_at=began_at)
    try:
        save_progress(core, replace(progress, ended_at=core.clock()))
    except RevisionConflict:
        current = load_progress(core.metadata, now=core.clock())
        if current is not None and current.began_at < began_at:
            save_progress(core, replace(current.following(began_at), ended_at=core.clock()))


def lost_bytes(store: MetadataStore, settings: Settings) -> tuple[str, str]:
    """Return what `files doctor` says of lost parts and of the worker's passes, with advice for a fault."""
    now = now_ms()
    lost = list(islice(lost_parts(store, now=now), MOST_SHOWN + 1))
    if lost:
        names = ", ".join(f"{each.file_id} {each.part_id} ({each.reason})" for each in lost[:MOST_SHOWN])
        return f"lost: {names}{' and more' if len(lost) > MOST_SHOWN else ''}", REPAIR
    progress = load_progress(store, now=now) if isinstance(store, SupportsDocuments) else None
    if progress is None:
        return "none are known to be lost; no worker has read them yet", ""
    since = progress.unverified_since(0)
    days = (now - since) / 86_400_000 if since else 0
    if settings.scrub_days and days > settings.scrub_days + 1:
        text = f"some were not read for {days:.0f} days; scrub_days is {settings.scrub_days}"
        return text, "Is a worker running, and are the disks fast enough? Or run: files scrub"
    return "none are known to be lost", ""
