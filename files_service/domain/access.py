"""Who may do what to a file. An actor of None is the trusted system; everything not allowed here is refused.

1. The owner may do everything. Nobody else may change, remove or even count.
2. ``shared`` adds the grantees as readers; ``unlisted`` and ``public`` add everybody who names the file.
3. Lists show a stranger the publicly listed files and nothing else.
"""

from __future__ import annotations

from storage_adapters import Access, FileRecord


def may_read(record: FileRecord, actor: str | None) -> bool:
    """Whether the actor may see the record and download the bytes."""
    if actor is None or actor == record.owner:
        return True
    match record.access:
        case Access.PUBLIC | Access.UNLISTED:
            return True
        case Access.SHARED:
            return actor in record.grantees
        case Access.PRIVATE:
            return False


def may_change(record: FileRecord, actor: str | None) -> bool:
    """Whether the actor may change, remove or process the file."""
    return actor is None or actor == record.owner


def may_act_for(owner: str, actor: str | None) -> bool:
    """Whether the actor may upload for the owner and see the owner's counts."""
    return actor is None or actor == owner


def readable_without_signature(record: FileRecord) -> bool:
    """Whether the bytes may be served at their plain address, to anybody, for ever."""
    return record.access is Access.PUBLIC and record.processed_at is not None


def sees_only_public(owner: str | None, actor: str | None) -> bool:
    """Whether a list of this owner's files (None = everybody's) must be cut to the public ones for the actor."""
    return actor is not None and actor != owner
