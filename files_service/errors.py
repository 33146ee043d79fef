"""Errors that callers see: one class per code, the same over AMQP, HTTP and the command line.

FilesError
├── BadRequest           400  bad_request
├── Unauthorized         401  unauthorized
├── Forbidden            403  forbidden
├── NotFound             404  not_found
├── MethodNotAllowed     405  method_not_allowed
├── AliasTaken           409  alias_taken
├── Busy                 409  busy
├── Conflict             409  conflict
├── Immutable            409  immutable
├── PartMismatch         409  part_mismatch
├── PathTaken            409  path_taken
├── Gone                 410  gone
├── WrongStatus          412  wrong_status
├── TooLarge             413  too_large
├── UnsupportedType      415  unsupported_type
├── TooManyAttempts      422  too_many_attempts
├── TooManyRequests      429  too_many_requests
├── BytesLost            500  bytes_lost
├── InternalError        500  internal_error
├── KeyUnavailable       500  key_unavailable
├── NotSupported         501  not_supported
├── StorageDenied        502  storage_denied
├── StorageUnavailable   503  storage_unavailable
├── ServiceUnavailable   503  service_unavailable
└── InsufficientStorage  507  insufficient_storage

Class names and this module's path are part of the wire contract: a nameko caller finds the class by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import storage_adapters as storage


class FilesError(Exception):
    """Base of all errors that callers see: ``message`` for people, ``code`` and ``details`` for programs.

    Both constructor arguments are in ``args``, because AMQP carries those.
    """

    code: ClassVar[str] = "files_error"
    http_status: ClassVar[int] = 500

    def __init_subclass__(cls, http_status: int) -> None:
        # The code is the name in other letters: NotFound is not_found.
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.http_status = http_status

    def __init__(self, message: str = "", details: Mapping[str, Any] | None = None) -> None:
        self.message = message
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(message, self.details)

    def __str__(self) -> str:
        return self.message or self.code

    def to_wire(self) -> dict[str, Any]:
        """Return the body of an error response: code, message and details."""
        return {"code": self.code, "message": str(self), "details": self.details}


class BadRequest(FilesError, http_status=400):
    """A parameter is missing, unknown or invalid; ``details["fields"]`` lists each."""


class Unauthorized(FilesError, http_status=401):
    """The caller did not authenticate."""


class Forbidden(FilesError, http_status=403):
    """The actor does not have the permission."""


class NotFound(FilesError, http_status=404):
    """The file does not exist, or the actor may not know of it."""


class MethodNotAllowed(FilesError, http_status=405):
    """The URL does not support this HTTP method."""


class AliasTaken(FilesError, http_status=409):
    """Another file of this owner has the alias; ``details["file_id"]`` is its id."""


class Busy(FilesError, http_status=409):
    """Another worker is processing the file; try again later."""


class Conflict(FilesError, http_status=409):
    """The state has changed or a name is in use; ``details`` has the revision or the file in conflict."""


class Immutable(FilesError, http_status=409):
    """The file is immutable; only its access may change."""


class PartMismatch(FilesError, http_status=409):
    """The stored bytes differ from the declaration; ``details`` has field, declared and actual."""


class PathTaken(FilesError, http_status=409):
    """Another file of this owner has the path; ``details`` has the path, and the file's id where it is known."""


class Gone(FilesError, http_status=410):
    """The upload or file existed and was deleted or has expired."""


class WrongStatus(FilesError, http_status=412):
    """The file's status does not allow the call; ``details["status"]`` is its status."""


class TooLarge(FilesError, http_status=413):
    """A size limit is exceeded; ``details["limit"]`` is the limit."""


class UnsupportedType(FilesError, http_status=415):
    """The content type is not accepted."""


class TooManyAttempts(FilesError, http_status=422):
    """Processing failed too often; ``force`` tries once more."""


class TooManyRequests(FilesError, http_status=429):
    """Too many failed sign-ins; ``details["retry_after_seconds"]`` is the pause until the next attempt."""


class BytesLost(FilesError, http_status=500):
    """Stored bytes of the file are lost or damaged; an upload of the same bytes repairs it."""


class InternalError(FilesError, http_status=500):
    """A fault of the service; the log has the details under the request id."""


class KeyUnavailable(FilesError, http_status=500):
    """The key that encrypts the bytes was deleted, or is not configured; only an operator can bring it back."""


class NotSupported(FilesError, http_status=501):
    """The configured store lacks a required capability."""


class StorageDenied(FilesError, http_status=502):
    """The blob store refuses the request by its policy; only its operator can change that."""


class StorageUnavailable(FilesError, http_status=503):
    """A store did not respond; the call may be repeated."""


class ServiceUnavailable(FilesError, http_status=503):
    """The service did not respond in time or is stopping; the call may be repeated."""


class InsufficientStorage(FilesError, http_status=507):
    """No space left: the owner's quota, the disk, or the owner's number of unfinished uploads."""


def error_classes() -> dict[str, type[FilesError]]:
    """Return all classes by code, including the base class."""
    classes: list[type[FilesError]] = [FilesError, *FilesError.__subclasses__()]
    return {cls.code: cls for cls in classes}


def error_from_wire(value: Mapping[str, Any]) -> FilesError:
    """Build the error that ``FilesError.to_wire`` described; an unknown code gives the base class."""
    cls = error_classes().get(str(value.get("code")), FilesError)
    details = value.get("details")
    return cls(str(value.get("message", "")), details if isinstance(details, Mapping) else None)


def _checksum_mismatch(error: Exception) -> FilesError:
    assert isinstance(error, storage.ChecksumMismatch)
    details = {"field": error.field, "declared": error.declared, "actual": error.actual}
    return PartMismatch(str(error), details)


def _name_taken(error: Exception) -> FilesError:
    assert isinstance(error, storage.NameTaken)
    kind = {"alias": AliasTaken, "path": PathTaken}.get(error.kind, Conflict)
    return kind(str(error), {"field": error.kind, "file_id": error.file_id})


# The most specific class comes first; the first match wins.
STORAGE_ERRORS: dict[type[storage.StorageError], Callable[[Exception], FilesError]] = {
    storage.RecordDeleted: lambda _: NotFound("the file was removed"),
    storage.RecordNotFound: lambda _: NotFound("no such file"),
    storage.RevisionConflict: lambda _: Conflict("the file has changed"),
    storage.NameTaken: _name_taken,
    storage.CheckpointConflict: lambda _: Conflict("another process consumes the feed"),
    storage.UploadNotFound: lambda _: NotFound("no such upload"),
    storage.UploadConflict: lambda error: Conflict(str(error)),
    storage.ChunkGone: lambda _: Conflict("the chunk was deleted before it was used; send it again"),
    storage.BlobDamaged: lambda _: BytesLost("the stored bytes are damaged"),
    storage.BlobNotFound: lambda _: NotFound("the bytes are not in the store"),
    storage.BlobExists: lambda _: Conflict("the bytes are already in the store"),
    storage.NoAddress: lambda _: NotSupported("the bytes are encrypted: the bucket has no address for them"),
    storage.InvalidKey: lambda _: BadRequest("not a valid key", {"fields": {"key": ["Not a valid key."]}}),
    storage.InvalidSignature: lambda error: Forbidden(str(error)),
    storage.ChecksumMismatch: _checksum_mismatch,
    storage.DocumentNotFound: lambda _: NotFound("no such document"),
    storage.InvalidDocument: lambda error: BadRequest(str(error), {"fields": {"document": [str(error)]}}),
    storage.StorageDenied: lambda error: StorageDenied(str(error)),
    storage.KeyUnavailable: lambda error: KeyUnavailable(str(error)),
    storage.SchemaMismatch: lambda error: StorageUnavailable(str(error)),
    storage.OrderUnavailable: lambda error: StorageUnavailable(str(error)),
    storage.UnreadableRecord: lambda error: StorageUnavailable(str(error)),
    storage.StorageFull: lambda error: InsufficientStorage(str(error), {"field": "disk"}),
    storage.NoAnswerInTime: lambda error: StorageUnavailable(str(error)),
    storage.NoStore: lambda error: StorageUnavailable(str(error)),
    storage.StorageUnavailable: lambda error: StorageUnavailable(str(error)),
    storage.StorageError: lambda _: InternalError("the store failed"),
}


@contextmanager
def storage_errors_as_files_errors() -> Iterator[None]:
    """Turn errors of a store into errors for callers; the only bridge between the two trees."""
    try:
        yield
    except storage.StorageError as error:
        make = next(make for cls, make in STORAGE_ERRORS.items() if isinstance(error, cls))
        raise make(error) from error


# Limits on names from the caller that an error repeats, and on its whole message, which may have a list of ours.
_MOST_REPEATED, _MOST_TOLD = 300, 2_000


def printable(value: object, most: int = _MOST_REPEATED) -> str:
    """Make text of the caller safe to repeat in an error: printable and short."""
    start = str(value)[:most]
    return start if start.isprintable() else "".join(c if c.isprintable() else "?" for c in start)


def bad_fields(faults: Mapping[str, list[str]]) -> BadRequest:
    """Make an error that tells the faults of one or more fields, the first one in its message."""
    field, messages = next(iter(faults.items()))
    return BadRequest(f"{field}: {' '.join(messages)}", {"fields": dict(faults)})


def bad_request(field: str, message: str) -> BadRequest:
    """Make an error for one invalid field; both arguments may contain text of the caller."""
    field, message = printable(field), printable(message, _MOST_TOLD)
    return BadRequest(f"{field}: {message}", {"fields": {field: [message]}})
