"""The documents of folders that were made. Any other folder is there as long as a path leads through it."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from files_service.core import Core
from files_service.domain.paths import ancestors_of, name_of, parent_of, prefix_of
from files_service.domain.uploads import owner_segment
from files_service.errors import NotFound
from files_service.services.accounts import documents
from storage_adapters import Document, ListQuery, RevisionConflict

FOLDERS = "folders"


def order_within(owner: str, folder: str) -> str:
    """Return the prefix of the order keys of the folders in a folder; no clean path has two "/" in a row."""
    return f"{owner_segment(owner)}/{folder}//"


def order_below(owner: str, folder: str) -> str:
    """Return the prefix of the order keys of all folders below a folder."""
    return f"{owner_segment(owner)}/{folder}/"


def find_folder(core: Core, owner: str, path: str) -> Document | None:
    """Return the document of a folder, None where it was not made."""
    return documents.find(core, FOLDERS, _id_of(owner, path))


def make_folders(core: Core, owner: str, path: str) -> bool:
    """Make a folder and those in which it lies; return False when it was there. Doing it again is harmless."""
    made = False
    for each in [*ancestors_of(path), path]:
        made = _make_folder(core, owner, each)
    return made


def is_folder(core: Core, owner: str, path: str) -> bool:
    """Return True when the folder was made, or a file of the owner lies in it."""
    if path == "" or find_folder(core, owner, path) is not None:
        return True
    query = ListQuery(owner=owner, order_by="path", descending=False, prefix=prefix_of(path), limit=1)
    page = core.metadata.find(query)
    return bool(page.records or page.unreadable or page.next_position)


def require_folder(core: Core, owner: str, path: str) -> None:
    """Raise NotFound when there is no such folder."""
    if not is_folder(core, owner, path):
        raise NotFound("there is no such folder", {"path": path})


def _make_folder(core: Core, owner: str, path: str) -> bool:
    if find_folder(core, owner, path) is not None:
        return False
    body = {"owner": owner, "path": path, "created_at": core.clock()}
    order = f"{order_within(owner, parent_of(path))}{name_of(path)}/"
    document = documents.new_document(FOLDERS, _id_of(owner, path), body, order=order)
    with suppress(RevisionConflict):
        documents.put(core, document)
        return True
    return False


def _id_of(owner: str, path: str) -> str:
    return hashlib.sha256(f"{owner_segment(owner)}/{path}".encode()).hexdigest()
