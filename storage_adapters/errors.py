"""Errors of stores; exceptions of client libraries never leave an adapter.

StorageError
├── RecordNotFound            no such file
│   └── RecordDeleted         the file was deleted: carries its tombstone
├── RevisionConflict          another writer was faster, or the file exists or was deleted
├── NameTaken                 the alias, request id or name belongs to another file or document: carries its id
├── DocumentNotFound          no such document, or it has expired
├── InvalidDocument           an id, name, order key or body beyond its limits
├── CheckpointConflict        another consumer moved the checkpoint
├── UploadNotFound            no such upload
├── UploadConflict            the upload is not in the state that the caller expects
├── ChunkGone                 the stored copy of a chunk was deleted before it was used
├── BlobNotFound              no such blob
│   └── BlobDamaged           its stored bytes or their description were altered
├── BlobExists                blobs are written once: carries the existing blob
├── InvalidKey                not a valid key
├── InvalidSignature          altered, expired, or signed for another request
├── ChecksumMismatch          the bytes differ from the declaration
└── StorageUnavailable        the store does not respond or cannot write now; a retry may succeed
    ├── StorageFull           there is no space left for the bytes: nothing was stored
    ├── StorageDenied         a right is missing, or a retention or hold protects the bytes
    ├── KeyUnavailable        the key that opens the bytes was deleted, or is not configured
    ├── SchemaMismatch        the schema differs from this version's: names the command to run
    ├── OrderUnavailable      names are sorted by another version of Unicode: names the command to run
    └── UnreadableRecord      a record has a value that this version does not know: names file and field
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage_adapters.records import BlobInfo, FileRecord, Tombstone


class StorageError(Exception):
    """Base of all errors of stores."""


class RecordNotFound(StorageError):
    """No file has this id."""


class RecordDeleted(RecordNotFound):
    """The file existed and was deleted."""

    def __init__(self, tombstone: Tombstone) -> None:
        super().__init__(f"file {tombstone.file_id} was deleted")
        self.tombstone = tombstone


class RevisionConflict(StorageError):
    """The record is not at the expected revision; load it again and decide again."""


class NameTaken(StorageError):
    """Another file of the same owner has the alias or request id, or another document has the name.

    ``kind`` is "alias", "request_id", or "name" of a document, whose id then is ``file_id``.
    """

    def __init__(self, kind: str, name: str, file_id: str) -> None:
        super().__init__(f"{kind} is taken by {'document' if kind == 'name' else 'file'} {file_id}")
        self.kind = kind
        self.name = name
        self.file_id = file_id


class DocumentNotFound(StorageError):
    """No document has this id or name, or it is deleted or has expired."""


class InvalidDocument(StorageError):
    """The collection, id, name, order key or body of a document exceeds its limits; nothing was stored."""


class CheckpointConflict(StorageError):
    """Another process consumes the same feed and has moved the checkpoint."""


class UploadNotFound(StorageError):
    """No upload has this id, or it is being deleted."""


class UploadConflict(StorageError):
    """The upload is sealed, has another size, lacks bytes, or has other bytes at this offset."""


class ChunkGone(StorageError):
    """The stored copy was deleted before it was used: reserve a chunk again, and store the bytes there."""


class BlobNotFound(StorageError):
    """No blob has this key."""


class BlobDamaged(BlobNotFound):
    """The stored bytes or their description were altered, and are not given out."""


class BlobExists(StorageError):
    """The key is taken; the stored blob is unchanged."""

    def __init__(self, info: BlobInfo) -> None:
        super().__init__(f"blob {info.key} exists")
        self.info = info


class NoAddress(StorageError):
    """A URL would give out bytes that only the gateway can decrypt."""


class InvalidKey(StorageError):
    """The key is not valid; nothing was changed."""


class InvalidSignature(StorageError):
    """The signed URL was altered, has expired, or was signed for another request."""


class ChecksumMismatch(StorageError):
    """Size or checksum of the bytes differ from the declaration; nothing was stored."""

    def __init__(self, field: str, declared: object, actual: object) -> None:
        super().__init__(f"{field} is {actual}, declared {declared}")
        self.field = field
        self.declared = declared
        self.actual = actual


class StorageUnavailable(StorageError):
    """The store did not respond, or refused to write; the effect of the write is unknown."""


class NoStore(StorageUnavailable):
    """There is no store at the URL, or its server was emptied; nothing was made. ``name`` is its ``sync_name``."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no store at {name}: correct the URL, or restore it; to set one up, start the service or run"
            " `files migrate up` (a list store: `python -m syncer run`)"
        )
        self.name = name


class NoAnswerInTime(StorageUnavailable):
    """The store took the request, as far as is known, and may still process it."""


class StorageFull(StorageUnavailable):
    """The store has no space left; nothing was stored."""


class StorageDenied(StorageUnavailable):
    """The store refuses the request: a right is missing, or a retention or hold protects the bytes.

    A retry succeeds only after somebody changed the policy.
    """


class KeyUnavailable(StorageUnavailable):
    """The key that encrypts the bytes was deleted, or none of the configured keys opens it."""


class SchemaMismatch(StorageUnavailable):
    """The data have a different schema than this version; nothing was read or written."""

    def __init__(self, store: str, *, found: str, known: str) -> None:
        if found.isdigit() and known.isdigit() and int(found) > int(known):
            what = f"the data have schema {found}, this version knows {known}: a newer version wrote them"
            todo = "install that version, or go back with its `files migrate down`"
        elif not found:
            what = "the data have no schema mark"
            todo = "run `files migrate up`"
        else:
            what = f"the data have schema {found}, this version knows {known}"
            todo = "run `files migrate up`"
        super().__init__(f"{store}: {what}; {todo}, and see `files migrate status`")
        self.found = found
        self.known = known


class OrderUnavailable(StorageUnavailable):
    """The names in the store are sorted by another version of Unicode; every other order answers."""

    def __init__(self, *, found: str, known: str) -> None:
        super().__init__(
            f"names are sorted by Unicode {found} in this store and by {known} in this version: stop all processes of"
            " the service and run `files migrate up --offline`; for a list store `python -m migrations --store URL up`"
        )
        self.found = found
        self.known = known


class UnreadableRecord(StorageUnavailable):
    """A record has a value that this version does not know: a newer one wrote it.

    ``rest`` is the record with a harmless value in its place. It may tell where the file stands in an order, and must
    not be written.
    """

    def __init__(self, rest: FileRecord, field: str, value: object) -> None:
        super().__init__(
            f"file {rest.file_id!r} has the {field} {value!r}, which this version does not know: use a newer one"
        )
        self.file_id = rest.file_id
        self.field = field
        self.value = value
        self.rest = rest


class UnknownStore(ValueError):
    """No adapter supports the URL's scheme, or the adapter rejects the URL."""
