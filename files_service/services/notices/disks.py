"""The free space of the disks on which the service keeps its data."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from files_service.config import Settings
from files_service.core import Core
from files_service.domain.disk_space import Disk, Level, Limits, Space, days_left, disk_after
from files_service.domain.notices import Kind, Notice
from files_service.services.accounts import documents
from files_service.services.notices.outbox import Wanted, add_notices
from storage_adapters import Document

DISKS, MARKS = "notice_disks", "notice_marks"
_LARGEST_CARD = "largest_card"


def places_of(settings: Settings) -> dict[str, Path]:
    """Return the folders of the service by name, one for each file system, as far as they exist."""
    urls = {"metadata": settings.metadata_url, "blobs": settings.blobs_url, "mirror": settings.mirror_url}
    folders = {name: _folder_of(url) for name, url in urls.items()}
    found: dict[int, tuple[str, Path]] = {}
    for name in ("blobs", "mirror", "metadata"):
        folder = folders[name]
        if folder is not None and folder.exists():
            found.setdefault(folder.stat().st_dev, (name, folder))
    return dict(found.values())


def space_of(folder: Path) -> Space:
    """Return the space of the file system of a folder."""
    usage = shutil.disk_usage(folder)
    return Space(usage.free, usage.total)


def note_card(core: Core, size: int) -> None:
    """Keep the size of the largest card seen."""

    def decide(before: Document | None) -> Document | None:
        if before is None:
            return documents.new_document(MARKS, _LARGEST_CARD, {"size": size}) if size else None
        return before if before.body["size"] >= size else replace(before, body={**before.body, "size": size})

    documents.change(core, MARKS, _LARGEST_CARD, decide)


def look_at_disks(
    core: Core, wanted: Wanted, places: Mapping[str, Path], measure: Callable[[Path], Space] = space_of
) -> None:
    """Measure each disk, and tell when its level is worse, or it is well again."""
    mark = documents.find(core, MARKS, _LARGEST_CARD)
    settings = core.settings
    largest = mark.body["size"] if mark is not None else 0
    limits = Limits(settings.notice_disk_percent, settings.notice_disk_bytes, largest)
    for name, folder in places.items():
        try:
            space = measure(folder)
        except OSError:
            continue  # a disk that is gone has no space to tell of; the store's readiness tells
        _look(core, wanted, name, space, limits)


def _look(core: Core, wanted: Wanted, name: str, space: Space, limits: Limits) -> None:
    stored = documents.find(core, DISKS, name) or documents.new_document(DISKS, name, {})
    before = _disk_of(stored)
    after = disk_after(before, space, limits, core.clock())
    if after == before and stored.revision:
        return
    kind = _kind(before.level, after.level)
    if kind is not None:
        days = days_left(after.samples, space.free, core.clock())
        facts = {"disk": name, "free": space.free, "total": space.total, "days_left": days}
        # The revision stays until the document is stored: so the key is the same when this is done again.
        key = f"disk/{name}/{stored.revision}/{after.level}"
        add_notices(core, wanted, [Notice(kind=kind, key=key, at=core.clock(), facts=facts)])
    documents.put(core, replace(stored, body=_body_of(after)))


def _kind(before: Level, after: Level) -> Kind | None:
    if after > before:
        return Kind.DISK_CRITICAL if after is Level.CRITICAL else Kind.DISK_LOW
    return Kind.DISK_OK if after is Level.OK and before is not Level.OK else None


def _disk_of(stored: Document) -> Disk:
    body: Mapping[str, Any] = stored.body
    if not body:
        return Disk()
    samples = tuple((at, free) for at, free in body["samples"])
    return Disk(level=Level(body["level"]), calm_since=body["calm_since"], samples=samples)


def _body_of(disk: Disk) -> dict[str, Any]:
    samples = [list(each) for each in disk.samples]
    return {"level": disk.level.value, "calm_since": disk.calm_since, "samples": samples}


def _folder_of(url: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(unquote(parts.path).removeprefix("/")).parent if parts.scheme == "sqlite" and parts.path else None
