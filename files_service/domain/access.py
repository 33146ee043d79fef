"""Permissions. An actor of None is the trusted system; everything that is not allowed here is refused.

1. The owner may do everything, and so may an admin of the owner's tenant who is signed in. Nobody else may change,
   delete or count files.
2. ``shared`` adds the grantees as readers; ``unlisted`` and ``public`` add everybody who has the file's id.
3. Lists show other actors only the public files of an owner. That includes grantees: a grant opens a file to those who
   know its id, it does not add the file to their lists. So one index per owner answers every list, and no list can leak
   a grant.
4. A reader who may not change a file does not see its ``OWNER_ONLY`` fields, in any answer or through any filter: a
   parent's id, for example, is all it takes to read an unlisted parent.
5. A file in the trash, and the upload of a version, are for those alone who may change them.
6. An actor that is bound to a folder reaches the owner's files below it alone, and no list, count or upload.
7. To an actor of another tenant, and to nobody, a file that they may not read does not exist.
"""

from __future__ import annotations

from dataclasses import replace

from files_service.domain.accounts import tenant_of
from files_service.domain.identity import Actor, folder_of
from storage_adapters import Access, FileRecord, Tombstone

# Readers without the owner's permissions get URLs that do not live longer: Cloud Storage honours one until it expires.
STRANGER_URL_SECONDS = 900
# Owns nothing and is granted nothing: an owner's name has at least one character.
NOBODY = ""
_BY_READERS = (Access.PRIVATE, Access.SHARED, Access.UNLISTED, Access.PUBLIC)
OWNER_ONLY = frozenset(
    {
        *("error", "grantees", "lease", "parent_id", "path", "trashed_at", "upload_expires_at"),
        *("version_of", "versions", "version_id", "version_at", "version_author", "version_label"),
    }
)
OWNER_ONLY_OF_PARTS = frozenset({"bucket", "key", "generation"})


def may_read(record: FileRecord, actor: str | None) -> bool:
    """Return True when the actor may see the record and download the bytes."""
    if may_change(record, actor):
        return True
    if not record.is_listed or folder_of(actor) is not None:
        return False
    granted = record.access is Access.SHARED and actor in record.grantees
    return granted or record.access in (Access.PUBLIC, Access.UNLISTED)


def may_change(record: FileRecord | Tombstone, actor: str | None) -> bool:
    """Return True when the actor may change, delete or process the file."""
    if isinstance(actor, Actor) and actor.folder is not None:
        return actor == record.owner and isinstance(record, FileRecord) and actor.reaches(record.path)
    return may_act_for(record.owner, actor)


def may_act_for(owner: str, actor: str | None) -> bool:
    """Return True when the actor may upload for the owner and see the owner's counts."""
    if actor is None or isinstance(actor, Actor):
        return actor is None or actor.acts_for(owner) or (actor == owner and actor.folder is None)
    return actor == owner


def may_know(owner: str, actor: str | None) -> bool:
    """Return True when the actor may be told that a file of the owner exists, though not what it is."""
    if actor is None:
        return True
    return actor != NOBODY and folder_of(actor) is None and tenant_of(owner) == tenant_of(actor)


def readable_without_signature(record: FileRecord) -> bool:
    """Return True when anybody may download the bytes from a permanent, unsigned URL."""
    return record.access is Access.PUBLIC and record.processed_at is not None and record.is_listed


def sees_only_public(owner: str | None, actor: str | None) -> bool:
    """Return True when the actor may list only the public files of this owner (None = of all owners)."""
    return actor is not None and (owner is None or not may_act_for(owner, actor))


def with_epoch(before: FileRecord, after: FileRecord) -> FileRecord:
    """Return the changed record, of the next access epoch when the change has taken the file from readers."""
    narrower = _BY_READERS.index(after.access) < _BY_READERS.index(before.access)
    if narrower or not set(before.grantees) <= set(after.grantees):
        return replace(after, access_epoch=before.access_epoch + 1)
    return after
