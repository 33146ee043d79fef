"""Objects that are written once: the ways to make one where there is none; see ADR 48.

A small object is one conditional PUT, which servers decide atomically. The completion of a multipart upload and a copy
are not everywhere: a placeholder is put first, by a conditional PUT, and the object takes its place. Where a server
knows no conditions, claims exclude other writers. A placeholder is no blob: reads do not see it.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from storage_adapters.blobs.bucket_writer import WRITER
from storage_adapters.blobs.s3.api import PendingUpload, S3Api, StoredPart
from storage_adapters.blobs.s3.claims import LEASE_SECONDS, Claims
from storage_adapters.blobs.s3.client import NoConditions, OtherObject
from storage_adapters.blobs.s3.conditions import Conditions
from storage_adapters.blobs.s3.objects import PLACEHOLDER, S3Object
from storage_adapters.errors import BlobNotFound, NoAnswerInTime, StorageUnavailable

_PATIENCE_SECONDS = 60.0
_TRIES = 3
# Writes the object under the condition: "" for none there, an ETag for the object that it replaces, None for nothing.
Write = Callable[[str | None], S3Object | None]


class Taken(Exception):
    """An object has the name; never leaves the package."""

    def __init__(self, found: S3Object) -> None:
        super().__init__(found.name)
        self.found = found


class Inserter:
    """Writer of objects that must not replace others."""

    def __init__(self, api: S3Api, conditions: Conditions, claims: Claims) -> None:
        self._api, self._conditions, self._claims = api, conditions, claims

    def find(self, name: str) -> S3Object:
        """Return the object; a placeholder is none. Raises BlobNotFound."""
        found = self._api.head(name)
        if found.is_placeholder:
            raise BlobNotFound("S3: the object is not complete")
        return found

    def put(self, name: str, write: Write, token: str) -> S3Object:
        """Store an object by one request, which marks it with the token. Raises Taken."""
        if self._conditions.are_kept():
            for _ in range(_TRIES):
                with suppress(OtherObject):
                    return write("") or self._mine(name, token)
                found = self._settled(name)
                if found is not None:
                    # The answer to this very request may have been lost, and the request repeated.
                    return _unless_other(found, token)
        # Without an object there, SeaweedFS refuses the name of a folder.
        return self._claimed(name, write, token)

    def replace_placeholder(
        self, name: str, write: Write, token: str, identity: str, withdraw: Callable[[], None] | None = None
    ) -> S3Object:
        """Make an object by requests that cannot be conditional. Raises Taken.

        Who has the same ``identity`` continues what another began: its write must have the same effect. Where nobody
        else can have it, ``withdraw`` takes back a write that failed, so that the name is free again.
        """
        if not self._conditions.are_kept():
            return self._claimed(name, write, token)
        mark = hashlib.sha256(identity.encode()).hexdigest()
        for _ in range(_TRIES):
            etag = self._place(name, mark)
            if etag is not None:
                return self._written(name, write, token, etag, withdraw)
            found = self._settled(name, mark)
            if found is not None:
                return _unless_other(found, token)
        return self._claimed(name, write, token)

    def complete(
        self, upload: PendingUpload, parts: Iterable[StoredPart], *, token: str = "", crc32c: str | None = None
    ) -> S3Object:
        """Make the parts of an upload an object; with a ``token`` it is this writer's alone. Raises Taken."""
        listed = list(parts)

        def write(over: str | None) -> None:
            self._api.complete(upload, listed, over=over, crc32c=crc32c)

        withdraw = partial(self._api.abort, upload) if token else None
        return self.replace_placeholder(upload.name, write, token, upload.upload_id, withdraw)

    def exchange(self, name: str, generation: str, write: Write, token: str) -> S3Object:
        """Put an object in the place of exactly this one. Raises BlobNotFound when another has it."""
        with self._claims.held(name):
            found = self.find(name)
            if found.generation != generation:
                raise BlobNotFound("S3: the object was replaced")
            with suppress(OtherObject):
                write(found.etag if self._conditions.are_kept() else None)
            try:
                return self._mine(name, token)
            except Taken:
                raise BlobNotFound("S3: the object was replaced") from None

    def delete(self, name: str, generation: str) -> None:
        """Delete exactly this object; does nothing when another has its place."""
        if self._conditions.are_kept():
            with suppress(BlobNotFound, OtherObject):
                found = self.find(name)
                if found.generation == generation:
                    self._api.delete(name, etag=found.etag)
            return
        with self._claims.held(name), suppress(BlobNotFound):
            if self.find(name).generation == generation:
                self._api.delete(name)

    def _claimed(self, name: str, write: Write, token: str) -> S3Object:
        with self._claims.held(name):
            found = self._settled(name)
            if found is not None:
                return _unless_other(found, token)
            return write(None) or self._mine(name, token)

    def _place(self, name: str, mark: str) -> str | None:
        """Put a placeholder; return its ETag, or that of one of the same mark. None when another object is there."""
        content = f"{mark} {secrets.token_hex(16)}".encode()
        sha256 = hashlib.sha256(content).hexdigest()
        lost: StorageUnavailable | None = None
        try:
            return self._api.put(name, content, sha256=sha256, content_type="", metadata={PLACEHOLDER: mark}).etag
        except OtherObject:
            pass
        except StorageUnavailable as error:
            lost = error
        with suppress(BlobNotFound):
            found = self._api.head(name)
            return found.etag if found.metadata.get(PLACEHOLDER) == mark else None
        if lost is not None:
            raise lost
        return None

    def _written(self, name: str, write: Write, token: str, etag: str, withdraw: Callable[[], None] | None) -> S3Object:
        """Write over a placeholder; it stays while the server may still do what it was asked."""
        try:
            write(etag)
        except NoConditions:
            write(None)
        except NoAnswerInTime:
            raise
        except (OtherObject, BlobNotFound, StorageUnavailable) as error:
            # A lost answer, another of the same identity that was faster, or a failure.
            found = self._present(name)
            if found is not None:
                return _unless_other(found, token)
            if withdraw is not None:
                withdraw()
                with suppress(OtherObject):
                    self._api.delete(name, etag=etag)
            if isinstance(error, StorageUnavailable):
                raise
            raise StorageUnavailable("S3: the upload ended before it was complete") from None
        return self._mine(name, token)

    def _present(self, name: str) -> S3Object | None:
        with suppress(BlobNotFound):
            return self.find(name)
        return None

    def _mine(self, name: str, token: str) -> S3Object:
        try:
            return _unless_other(self._api.head(name), token)
        except BlobNotFound:
            raise StorageUnavailable("S3: the object was deleted while it was written") from None

    def _settled(self, name: str, mark: str = "") -> S3Object | None:
        """Return the object that is there once no other writer's placeholder is; None when there is none."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                found = self._api.head(name)
            except BlobNotFound:
                return None
            if not found.is_placeholder:
                return found
            if found.metadata[PLACEHOLDER] == mark:
                return None
            if found.answered_at - found.modified_at >= LEASE_SECONDS * 1000:
                with suppress(OtherObject):
                    self._api.delete(name, etag=found.etag)
            elif time.monotonic() > deadline:
                raise StorageUnavailable("S3: another writer has not completed the object")
            else:
                time.sleep(0.05)


def _unless_other(found: S3Object, token: str) -> S3Object:
    if token and found.metadata.get(WRITER) != token:
        raise Taken(found)
    return found
