"""Access to records: load for an actor, change by load, decide and save, remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from files_service.core import Core
from files_service.domain.access import may_act_for, may_change, may_know, may_read, with_epoch
from files_service.domain.chunking import manifest_of, names_in_upload_id
from files_service.domain.editing import is_finished, is_same
from files_service.domain.identity import folder_of
from files_service.domain.lifecycle import announcement
from files_service.domain.uploads import clean_after
from files_service.errors import (
    Conflict,
    Forbidden,
    Gone,
    Immutable,
    NotSupported,
    WrongStatus,
    bad_request,
)
from files_service.services.accounts.identity import is_closed
from files_service.services.quarantine import hold_file
from storage_adapters import (
    FileRecord,
    ListQuery,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    StartsUploads,
    Tombstone,
)

T = TypeVar("T")


MAX_RACES = 50


def readable(core: Core, file_id: str, actor: str | None) -> FileRecord:
    """Load a file that the actor may read. Raises Forbidden, RecordNotFound."""
    record = load(core, file_id, actor)
    if not is_readable(core, record, actor):
        _require_known(record, actor)
        raise Forbidden("the actor may not read this file", {"file_id": file_id})
    return record


def changeable(core: Core, file_id: str, actor: str | None) -> FileRecord:
    """Load a file that the actor may change. Raises Forbidden, RecordNotFound."""
    record = load(core, file_id, actor)
    require_change(record, actor)
    return record


def load(core: Core, file_id: str, actor: str | None) -> FileRecord:
    """Load a file; its caller checks what the actor may do.

    Raises RecordNotFound, and RecordDeleted to those alone who may know that there was such a file.
    """
    try:
        return core.metadata.get(file_id)
    except RecordDeleted as error:
        _require_known(error.tombstone, actor)
        raise


def is_readable(core: Core, record: FileRecord, actor: str | None) -> bool:
    """Return True when the actor may read the file. Nobody but its owner reads the file of a disabled account."""
    return may_read(record, actor) and (may_act_for(record.owner, actor) or not is_closed(core, record.owner))


def require_acts_for(owner: str, actor: str | None) -> None:
    """Raise Forbidden unless the actor may act for the owner."""
    if not may_act_for(owner, actor):
        raise Forbidden("the actor may not act for this owner", {"owner": owner})


def require_unbound(actor: str | None) -> None:
    """Raise Forbidden for an actor that is bound to a folder, for calls about more than single files."""
    if folder_of(actor) is not None:
        raise Forbidden("the key is bound to a folder", {"field": "actor"})


def require_change(record: FileRecord | Tombstone, actor: str | None) -> None:
    """Raise Forbidden unless the actor may change the file, RecordNotFound where it must not know of it."""
    if not may_change(record, actor):
        if isinstance(record, Tombstone) or not may_read(record, actor):
            _require_known(record, actor)
        raise Forbidden("the actor may not change this file", {"file_id": record.file_id})


def _require_known(record: FileRecord | Tombstone, actor: str | None) -> None:
    """Raise the error of a file that does not exist unless the actor may know of it."""
    if not may_know(record.owner, actor):
        raise RecordNotFound(record.file_id)


def require_mutable(record: FileRecord) -> None:
    """Raise Immutable when the file is immutable."""
    if record.immutable:
        raise Immutable("the file is immutable", {"file_id": record.file_id})


def require_not_trashed(record: FileRecord) -> None:
    """Raise Gone while the file is in the trash."""
    if record.trashed_at is not None:
        details = {"file_id": record.file_id, "trashed_at": record.trashed_at}
        raise Gone("the file is in the trash", details)


def require_finished(record: FileRecord) -> None:
    """Raise WrongStatus unless the file is processed."""
    if not is_finished(record):
        raise WrongStatus(f"the file is {record.status.value}", {"status": record.status.value})


def load_or_tombstone(core: Core, file_id: str) -> FileRecord | Tombstone:
    """Load a file, or the tombstone of a deleted one."""
    try:
        return core.metadata.get(file_id)
    except RecordDeleted as error:
        return error.tombstone


def load_owning(core: Core, file_id: str) -> FileRecord | Tombstone:
    """Load the file that has the parts of this id: the file itself, or that of the version which an upload has become.

    Read the upload before the file: a version is taken out of a file only after its upload is deleted.
    """
    found = load_or_tombstone(core, file_id)
    if isinstance(found, Tombstone) and found.absorbed_by is not None:
        return load_or_tombstone(core, found.absorbed_by)
    return found


def is_absorbed(core: Core, upload_id: str) -> bool:
    """Return True when an upload is the content of a version of a file, which its own file has been absorbed into."""
    names = names_in_upload_id(upload_id)
    if names is None:
        return False
    try:
        found = load_owning(core, names[0])
    except RecordNotFound:
        return False
    if found.file_id == names[0] or isinstance(found, Tombstone):
        return False
    return any(manifest_of(part) == upload_id for part in found.stored_parts)


def change(
    core: Core,
    file_id: str,
    decide: Callable[[FileRecord], FileRecord],
    *,
    event: str | None = None,
    loaded: FileRecord | None = None,
) -> FileRecord:
    """Load, decide, save; after a lost race decide again on the winner. An unchanged record is not saved.

    ``decide`` is pure; it first gets ``loaded`` if the caller has just loaded the record. The change is announced as
    ``event``, or by its new status. Raises Conflict after ``MAX_RACES`` lost races, and the errors of ``decide``.
    """
    for attempt in range(MAX_RACES):
        before = loaded if loaded is not None and not attempt else core.metadata.get(file_id)
        after = with_epoch(before, decide(before))
        if is_same(after, before):
            return before
        try:
            return core.metadata.save(
                after,
                expected_revision=before.revision,
                changed_at=core.clock(),
                event=announcement(before, after, event),
                before=before,
            )
        except RevisionConflict:
            core.back_off(attempt)
    raise _too_many_races(file_id)


def _too_many_races(file_id: str) -> Conflict:
    return Conflict("too many concurrent changes of the file", {"file_id": file_id})


def files_in(core: Core, query: ListQuery) -> Iterator[FileRecord]:
    """Yield all files of a query from its position on, page by page."""
    while True:
        page = core.metadata.find(query)
        yield from page.records
        if page.next_position is None:
            return
        query = replace(query, after=page.next_position)


def require(store: object, capability: type[T]) -> T:
    """Return the store as one with the capability. Raises NotSupported."""
    if not isinstance(store, capability):
        name = capability.__name__.removeprefix("Supports")
        raise NotSupported(f"the configured store does not support {name}", {"capability": name})
    return store


def remove(core: Core, file_id: str, actor: str | None = None, *, keep_blobs: bool = False) -> Tombstone:
    """Remove a file, or return the tombstone of an earlier call. Raises Forbidden, Immutable, Conflict."""
    left = remove_unless(core, file_id, lambda record: False, actor, keep_blobs=keep_blobs)
    assert isinstance(left, Tombstone)
    return left


def remove_unless(
    core: Core,
    file_id: str,
    is_spared: Callable[[FileRecord], bool],
    actor: str | None = None,
    *,
    keep_blobs: bool = False,
) -> FileRecord | Tombstone:
    """Remove a file unless it is spared as it is stored; return the tombstone, or the record of a spared one.

    Raises Forbidden, Immutable, Conflict.
    """
    for attempt in range(MAX_RACES):
        record = load_or_tombstone(core, file_id)
        require_change(record, actor)
        if keep_blobs and actor is not None:
            raise Forbidden("only a trusted system may keep the bytes of a removed file", {"field": "soft"})
        if isinstance(record, Tombstone) or is_spared(record):
            return record
        if keep_blobs and record.version_of is not None:
            raise bad_request("soft", "The bytes of a version's upload are removed with it.")
        require_mutable(record)
        try:
            return write_tombstone(core, record, event="removed", keep_blobs=keep_blobs)
        except RevisionConflict:
            core.back_off(attempt)
    raise _too_many_races(file_id)


def write_tombstone(core: Core, record: FileRecord, *, event: str, keep_blobs: bool) -> Tombstone:
    """Delete the record at its revision; its blobs are deleted once its upload addresses have expired.

    Raises RevisionConflict.
    """
    now = core.clock()
    session_ms = core.blobs.upload_seconds * 1000 if isinstance(core.blobs, StartsUploads) else 0
    cleaned_at = None if keep_blobs else clean_after(record, now=now, session_ms=session_ms)
    if cleaned_at is not None:
        hold_file(core, record, clean_after=cleaned_at)
    return core.metadata.delete(
        record.file_id,
        expected_revision=record.revision,
        deleted_at=now,
        event=event,
        clean_after=cleaned_at,
        before=record,
    )
