"""Manifests of archives: made for a selection, kept for a day, and read by the one who made them.

A manifest may be longer than a document: its items are in several, which are written before the one that names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import orjson

from files_service.core import Core
from files_service.domain.identity import folder_of
from files_service.domain.uploads import owner_segment
from files_service.errors import NotFound
from files_service.services.accounts import documents
from files_service.services.archives.archive import Archive, Item, archive_of
from files_service.services.archives.selection import Placed
from storage_adapters import JSON, Document

KEPT_MS = 24 * 3_600_000
# Of one caller; a new one takes the place of the oldest.
MOST_ARCHIVES = 100
ARCHIVES, ITEMS = "archives", "archive_items"
_ITEMS_BYTES = 256 * 1024
# Of those who call without an actor; no owner's segment has this form.
_TRUSTED = "trusted"


def make_archive(
    core: Core, actor: str | None, files: Placed, name: str, folders: Mapping[str, int] = MappingProxyType({})
) -> JSON:
    """Make the manifest of a selection. Repeating the call returns the same archive and keeps it for longer."""
    archive = archive_of(files, name, folders)
    archive_id = documents.hash_of(orjson.dumps([_maker(actor), name, archive.tag]).decode())[:32]
    _keep(core, actor, archive_id, archive)
    return {
        "archive_id": archive_id,
        "url": f"{core.settings.public_url}/api/archives/{archive_id}",
        "name": archive.name,
        "size": archive.layout.size,
        "entries": len(archive.items),
        "resumable": archive.layout.is_resumable,
        "expires_at": core.clock() + KEPT_MS,
    }


def find_archive(core: Core, actor: str | None, archive_id: str) -> Archive:
    """Return an archive. Raises NotFound, also for one that another actor has made."""
    found = documents.find(core, ARCHIVES, archive_id)
    if found is None or _maker(actor) not in (None, found.body["actor"]):
        raise _no_such_archive(archive_id)
    items: list[Item] = []
    for number in range(found.body["pages"]):
        page = documents.find(core, ITEMS, _page_id(archive_id, number))
        if page is None:
            raise _no_such_archive(archive_id)
        items += [Item(*each) for each in page.body["items"]]
    archive = Archive(found.body["name"], items)
    if archive.tag != found.body["tag"]:
        raise _no_such_archive(archive_id)
    return archive


def _keep(core: Core, actor: str | None, archive_id: str, archive: Archive) -> None:
    expires_at, prefix = core.clock() + KEPT_MS, f"{_TRUSTED if actor is None else owner_segment(actor)}/"
    pages = list(_pages(archive.items))
    for number, items in enumerate(pages):
        # The last of them outlives the document that names them.
        page = documents.new_document(ITEMS, _page_id(archive_id, number), {"items": items}, expires_at=expires_at + 1)
        _put(core, page)
    body = {"actor": _maker(actor), "name": archive.name, "tag": archive.tag, "pages": len(pages)}
    order = f"{prefix}{core.clock():015}"
    _put(core, documents.new_document(ARCHIVES, archive_id, body, order=order, expires_at=expires_at))
    kept = list(documents.walk(core, ARCHIVES, prefix))
    for oldest in kept[: max(0, len(kept) - MOST_ARCHIVES)]:
        documents.delete(core, oldest)
        for number in range(oldest.body["pages"]):
            if (rest := documents.find(core, ITEMS, _page_id(oldest.document_id, number))) is not None:
                documents.delete(core, rest)


def _maker(actor: str | None) -> str | None:
    """Return the name of those who have an archive in common: a key that is bound to a folder has its own."""
    folder = folder_of(actor)
    return actor if actor is None else str(actor) if folder is None else f"{actor}\n{folder}"


def _put(core: Core, document: Document) -> None:
    """Store a document in the place of the one that an earlier call has stored."""

    def decide(before: Document | None) -> Document:
        return document if before is None else replace(document, revision=before.revision)

    documents.change(core, document.collection, document.document_id, decide)


def _pages(items: Sequence[Item]) -> Iterator[list[tuple[object, ...]]]:
    page: list[tuple[object, ...]] = []
    length = 0
    for item in items:
        size = len(orjson.dumps(tuple(item)))
        if page and length + size > _ITEMS_BYTES:
            yield page
            page, length = [], 0
        page.append(tuple(item))
        length += size
    yield page


def _page_id(archive_id: str, number: int) -> str:
    return f"{archive_id}.{number}"


def _no_such_archive(archive_id: str) -> NotFound:
    return NotFound("there is no such archive", {"archive_id": archive_id[:100]})
