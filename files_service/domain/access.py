"""Who may do what to a file. An actor of None is the trusted system; everything not allowed here is refused.

1. The owner may do everything. Nobody else may change, remove or even count.
2. ``shared`` adds the grantees as readers; ``unlisted`` and ``public`` add everybody who names the file.
3. Lists show anybody but the owner the publicly listed files and nothing else. That includes grantees: a grant opens
   a file to whoever is told its id, it does not put the file into somebody else's list. So one index per owner
   answers every list, and no list can leak a grant.
4. Who may read a file but not change it is not shown the owner's affairs (``OWNER_ONLY``), in no answer and by no
   filter: a parent's id, for example, is all it takes to read an unlisted parent.
"""

from __future__ import annotations

from storage_adapters import Access, FileRecord

OWNER_ONLY = frozenset({"error", "grantees", "lease", "parent_id", "upload_expires_at"})
OWNER_ONLY_OF_PARTS = frozenset({"bucket", "key", "generation"})


def may_read(record: FileRecord, actor: str | None) -> bool:
    """Whether the actor may see the record and download the bytes."""
    return (
        may_change(record, actor)
        or record.access in (Access.PUBLIC, Access.UNLISTED)
        or (record.access is Access.SHARED and actor in record.grantees)
    )


def may_change(record: FileRecord, actor: str | None) -> bool:
    """Whether the actor may change, remove or process the file."""
    return may_act_for(record.owner, actor)


def may_act_for(owner: str, actor: str | None) -> bool:
    """Whether the actor may upload for the owner and see the owner's counts."""
    return actor is None or actor == owner


def readable_without_signature(record: FileRecord) -> bool:
    """Whether the bytes may be served at their plain address, to anybody, for ever."""
    return record.access is Access.PUBLIC and record.processed_at is not None


def sees_only_public(owner: str | None, actor: str | None) -> bool:
    """Whether a list of this owner's files (None = everybody's) must be cut to the public ones for the actor."""
    return actor is not None and actor != owner
