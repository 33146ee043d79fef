"""What a store may raise; foreign exceptions never leave an adapter.

StorageError
├── RecordNotFound            no such file
│   └── RecordDeleted         there was one: carries its tombstone
├── RevisionConflict          somebody saved first, or the file exists or was deleted
├── NameTaken                 the owner's alias or request id belongs to another file: carries its id
├── CheckpointConflict        another consumer moved the checkpoint
├── UploadNotFound            no such upload
├── UploadConflict            the upload is not as the caller took it to be
├── ChunkGone                 the stored copy of a chunk was cleared away before it was named
├── BlobNotFound              no such blob
├── BlobExists                blobs are written once: carries what is there
├── InvalidKey                not a key that this store would ever make
├── InvalidSignature          altered, expired, or signed for something else
├── ChecksumMismatch          the bytes are not the ones that were announced
└── StorageUnavailable        the store cannot be reached or cannot write now; trying again later may work
    ├── SchemaMismatch        its data have another schema than this version knows: says which command to run
    ├── OrderUnavailable      its order of names is of another version of Unicode: says which command to run
    └── UnreadableRecord      a record has a value that this version does not know: names the file and the field
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage_adapters.records import BlobInfo, FileRecord, Tombstone


class StorageError(Exception):
    """Anything that a store reports."""


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
    """The alias or request id is held by another file of the same owner."""

    def __init__(self, kind: str, name: str, file_id: str) -> None:
        super().__init__(f"{kind} is taken by file {file_id}")
        self.kind = kind
        self.name = name
        self.file_id = file_id


class CheckpointConflict(StorageError):
    """The checkpoint is not where its consumer left it; another process consumes the same feed."""


class UploadNotFound(StorageError):
    """No upload has this id, or it is being deleted."""


class UploadConflict(StorageError):
    """The upload is sealed, or of another size, or bytes are missing, or other bytes stand at the place."""


class ChunkGone(StorageError):
    """The stored copy was cleared away before it was named: reserve a place again, and store the bytes there."""


class BlobNotFound(StorageError):
    """No blob has this key."""


class BlobExists(StorageError):
    """The key is taken; the stored blob is left as it is."""

    def __init__(self, info: BlobInfo) -> None:
        super().__init__(f"blob {info.key} exists")
        self.info = info


class InvalidKey(StorageError):
    """The key is not made of the segments that a key is made of; nothing was touched."""


class InvalidSignature(StorageError):
    """The signed URL was altered, has expired, or was signed for another request."""


class ChecksumMismatch(StorageError):
    """Size or checksum of the bytes differ from what was announced; nothing was stored."""

    def __init__(self, field: str, declared: object, actual: object) -> None:
        super().__init__(f"{field} is {actual}, declared {declared}")
        self.field = field
        self.declared = declared
        self.actual = actual


class StorageUnavailable(StorageError):
    """The store did not answer, or refused to write; whether the write took effect is unknown."""


class SchemaMismatch(StorageUnavailable):
    """The data have another schema than this version knows; nothing was read or written."""

    def __init__(self, store: str, *, found: str, known: str) -> None:
        if found.isdigit() and known.isdigit() and int(found) > int(known):
            what = f"the data have schema {found} and this version knows {known}: they are of a newer version"
            todo = "install that one, or go back with its `files migrate down`"
        elif not found:
            what = "the data bear no mark of a schema"
            todo = "run `files migrate up`"
        else:
            what = f"the data have schema {found} and this version knows {known}"
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
    """No adapter answers to the URL's scheme, or the URL is not one that the adapter takes."""
