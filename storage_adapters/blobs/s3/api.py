"""Calls of boto3 on one bucket, each of which may be repeated; no other module knows its parameters.

A write with ``over`` has a condition: "" requires that there is no object, an ETag that the object still has it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import google_crc32c
from botocore.exceptions import ClientError

from storage_adapters.blobs.bucket_store import CACHE_CONTROL, disposition_of
from storage_adapters.blobs.s3.client import DENIED, NoConditions, OtherObject, s3_errors_as_ours
from storage_adapters.blobs.s3.direct import DirectReads
from storage_adapters.blobs.s3.objects import S3Object, base64_of, object_of
from storage_adapters.errors import BlobNotFound, StorageDenied, StorageUnavailable

BATCH_DELETES = 1_000
# The most that one request copies.
COPY_BYTES = 5 * 1024**3
_COPIED_PART = 1024**3
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MD5 = re.compile(r'"[0-9a-f]{32}"')


class StoredPart(NamedTuple):
    """A part of a multipart upload that the server has."""

    number: int
    etag: str
    size: int
    crc32c: str | None = None


class PendingUpload(NamedTuple):
    """A multipart upload that is not complete. ``sums`` is True when its parts carry checksums."""

    name: str
    upload_id: str
    sums: bool = False


class S3Api:
    """One bucket for all threads."""

    def __init__(self, client: Any, bucket: str, reads: DirectReads | None = None) -> None:
        self._client, self._reads = client, reads
        self._bucket = {"Bucket": bucket}
        self._has_bucket = False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def head(self, name: str) -> S3Object:
        """Return the object's description. Raises BlobNotFound."""
        try:
            with s3_errors_as_ours():
                return object_of(name, self._client.head_object(**self._bucket, Key=name, ChecksumMode="ENABLED"))
        except BlobNotFound:
            self._require_bucket()
            raise

    def put(
        self,
        name: str,
        content: bytes | bytearray | memoryview,
        *,
        sha256: str,
        content_type: str,
        metadata: Mapping[str, str],
        over: str | None = "",
    ) -> S3Object:
        """Store a small object in one request. Raises OtherObject when the condition does not hold."""
        with s3_errors_as_ours():
            answer = self._client.put_object(
                **self._bucket,
                **_described(content_type, metadata),
                **_condition(over),
                Key=name,
                Body=bytes(content),
                ChecksumSHA256=base64_of(sha256),
            )
            etag = answer["ETag"]
        if answer.get("ChecksumSHA256") != base64_of(sha256):
            self._compare(name, content, answer)
        return S3Object(
            name=name,
            size=len(content),
            etag=etag,
            modified_at=0,
            answered_at=0,
            content_type=content_type,
            metadata=metadata,
        )

    def get(self, name: str, *, offset: int, length: int | None, etag: str | None) -> tuple[S3Object, Any] | None:
        """Start reading a range, of an object with this ETag; None when the range lies beyond the end.

        Raises BlobNotFound, OtherObject.
        """
        last = "" if length is None else str(offset + length - 1)
        span = "" if offset == 0 and length is None else f"bytes={offset}-{last}"
        if self._reads is not None and (found := self._reads.get(name, span=span, etag=etag)) is not None:
            return found
        try:
            answer = self._client.get_object(
                **self._bucket,
                **({"IfMatch": etag} if etag else {}),
                **({"Range": span} if span else {}),
                Key=name,
            )
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 416:
                return None
            with s3_errors_as_ours():
                raise
        except Exception:
            with s3_errors_as_ours():
                raise
        with s3_errors_as_ours():
            return object_of(name, answer), answer["Body"]

    def delete(self, name: str, *, etag: str | None = None) -> None:
        """Delete an object, if it has this ETag. Raises OtherObject. Nothing happens where there is none."""
        condition = {"IfMatch": etag} if etag else {}
        with s3_errors_as_ours(), suppress(BlobNotFound):
            self._client.delete_object(**self._bucket, **condition, Key=name)

    def delete_many(self, names: Sequence[str]) -> None:
        """Delete objects, a thousand per request; missing objects count as deleted."""
        for start in range(0, len(names), BATCH_DELETES):
            some = {"Objects": [{"Key": name} for name in names[start : start + BATCH_DELETES]], "Quiet": True}
            with s3_errors_as_ours():
                answer = self._client.delete_objects(**self._bucket, Delete=some, ChecksumAlgorithm="SHA256")
            left = [each for each in answer.get("Errors", []) if each.get("Code") not in ("NoSuchKey", "404")]
            if left:
                # What is refused for ever must not keep back what comes behind it.
                kind = StorageDenied if all(each.get("Code") in DENIED for each in left) else StorageUnavailable
                raise kind(f"S3: {len(left)} objects were not deleted: {left[0].get('Code', '')}")

    def listing(self, *, prefix: str, after: str, limit: int) -> list[str]:
        """List the names of up to ``limit`` objects with this prefix, behind a name, in the server's order."""
        with s3_errors_as_ours():
            found: list[str] = []
            more: dict[str, Any] = {"StartAfter": after} if after else {}
            while True:
                answer = self._client.list_objects_v2(
                    **self._bucket, **more, Prefix=prefix, MaxKeys=min(limit - len(found), 1_000)
                )
                found += [each["Key"] for each in answer.get("Contents", ())]
                more = {"ContinuationToken": answer.get("NextContinuationToken")}
                if len(found) >= limit or not answer.get("IsTruncated") or not answer.get("NextContinuationToken"):
                    return found

    def copy(self, source: S3Object, name: str, *, metadata: Mapping[str, str]) -> None:
        """Copy an object of up to 5 GiB. Raises BlobNotFound, OtherObject when the source has changed."""
        with s3_errors_as_ours():
            self._client.copy_object(
                **self._bucket,
                **_described(source.content_type, metadata),
                Key=name,
                CopySource={**self._bucket, "Key": source.name},
                CopySourceIfMatch=source.etag,
                MetadataDirective="REPLACE",
            )

    def begin(self, name: str, *, content_type: str, metadata: Mapping[str, str], sums: bool) -> PendingUpload:
        """Begin a multipart upload; with ``sums`` each part has a CRC32C, and so has the whole."""
        described = {**self._bucket, **_described(content_type, metadata), "Key": name}
        with s3_errors_as_ours():
            if sums:
                try:
                    answer = self._client.create_multipart_upload(
                        **described, ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT"
                    )
                    return PendingUpload(name, answer["UploadId"], sums=True)
                except ClientError as error:
                    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") not in (400, 501):
                        raise
            return PendingUpload(name, self._client.create_multipart_upload(**described)["UploadId"])

    def send_part(self, upload: PendingUpload, number: int, content: bytes) -> StoredPart:
        """Store a part. Raises StorageUnavailable when the server has other bytes."""
        crc32c = base64_of(f"{google_crc32c.value(content):08x}") if upload.sums else None
        with s3_errors_as_ours():
            answer = self._client.upload_part(
                **self._bucket,
                **({"ChecksumCRC32C": crc32c} if crc32c else {}),
                Key=upload.name,
                UploadId=upload.upload_id,
                PartNumber=number,
                Body=content,
            )
            etag = answer["ETag"]
        if crc32c is None or answer.get("ChecksumCRC32C") != crc32c:
            _compare_etag(content, answer)
        return StoredPart(number, etag, len(content), crc32c)

    def copy_parts(self, source: S3Object, upload: PendingUpload) -> list[StoredPart]:
        """Copy a large object into the parts of an upload."""
        done: list[StoredPart] = []
        for start in range(0, source.size, _COPIED_PART):
            end = min(start + _COPIED_PART, source.size)
            with s3_errors_as_ours():
                answer = self._client.upload_part_copy(
                    **self._bucket,
                    Key=upload.name,
                    UploadId=upload.upload_id,
                    PartNumber=len(done) + 1,
                    CopySource={**self._bucket, "Key": source.name},
                    CopySourceIfMatch=source.etag,
                    CopySourceRange=f"bytes={start}-{end - 1}",
                )
                done.append(StoredPart(len(done) + 1, answer["CopyPartResult"]["ETag"], end - start))
        return done

    def complete(
        self, upload: PendingUpload, parts: Iterable[StoredPart], *, over: str | None, crc32c: str | None = None
    ) -> None:
        """Make the parts an object. Raises OtherObject, and BlobNotFound when there is no such upload any more."""
        listed: list[dict[str, Any]] = [
            {"PartNumber": part.number, "ETag": part.etag}
            | ({"ChecksumCRC32C": part.crc32c} if part.crc32c is not None else {})
            for part in parts
        ]
        whole = {"ChecksumCRC32C": base64_of(crc32c), "ChecksumType": "FULL_OBJECT"} if upload.sums and crc32c else {}
        with s3_errors_as_ours():
            self._client.complete_multipart_upload(
                **self._bucket,
                **whole,
                **_condition(over),
                Key=upload.name,
                UploadId=upload.upload_id,
                MultipartUpload={"Parts": listed},
            )

    def abort(self, upload: PendingUpload) -> None:
        """Discard a multipart upload; the bucket's lifecycle would do it later."""
        with suppress(BlobNotFound, StorageUnavailable, OtherObject, NoConditions), s3_errors_as_ours():
            self._client.abort_multipart_upload(**self._bucket, Key=upload.name, UploadId=upload.upload_id)

    def uploads(self, name: str) -> list[PendingUpload]:
        """Return the multipart uploads to a name, the oldest first."""
        with s3_errors_as_ours():
            answer = self._client.list_multipart_uploads(**self._bucket, Prefix=name, MaxUploads=1_000)
        # SeaweedFS 4.30 does not say when an upload began.
        found = sorted(answer.get("Uploads", ()), key=lambda each: (each.get("Initiated", _LONG_AGO), each["UploadId"]))
        return [PendingUpload(name, each["UploadId"]) for each in found if each["Key"] == name]

    def parts(self, upload: PendingUpload) -> list[StoredPart]:
        """Return the parts of an upload in order. Raises BlobNotFound when it has ended."""
        found: dict[int, tuple[datetime, StoredPart]] = {}
        after = 0
        while True:
            with s3_errors_as_ours():
                answer = self._client.list_parts(
                    **self._bucket, Key=upload.name, UploadId=upload.upload_id, PartNumberMarker=after
                )
            for each in answer.get("Parts", ()):
                number, sent_at = each["PartNumber"], each["LastModified"]
                # SeaweedFS lists a part that came twice twice.
                if number not in found or found[number][0] <= sent_at:
                    part = StoredPart(number, each["ETag"], each["Size"], each.get("ChecksumCRC32C"))
                    found[number] = (sent_at, part)
            after = answer.get("NextPartNumberMarker", 0)
            if not answer.get("IsTruncated") or not after:
                return [part for _, (_, part) in sorted(found.items())]

    def _require_bucket(self) -> None:
        """Check once that it is not the bucket that does not exist: the answer to a HEAD says no more than 404."""
        if not self._has_bucket:
            try:
                with s3_errors_as_ours():
                    self._client.head_bucket(**self._bucket)
            except BlobNotFound:
                raise StorageUnavailable("S3: the bucket does not exist") from None
            self._has_bucket = True

    def _compare(self, name: str, content: bytes | bytearray | memoryview, answer: Mapping[str, Any]) -> None:
        """Compare what a server stored that does not know the checksum of the request."""
        _compare_etag(content, answer)
        if self.head(name).size != len(content):
            raise StorageUnavailable("S3: the stored object has another size")


def _described(content_type: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ContentType": content_type or "application/octet-stream",
        "CacheControl": CACHE_CONTROL,
        "ContentDisposition": disposition_of(content_type),
        "Metadata": dict(metadata),
    }


def _condition(over: str | None) -> dict[str, str]:
    if over is None:
        return {}
    return {"IfMatch": over} if over else {"IfNoneMatch": "*"}


def _compare_etag(content: bytes | bytearray | memoryview, answer: Mapping[str, Any]) -> None:
    """Compare an ETag that is an MD5; that of an object with a key of its own is not."""
    etag = answer.get("ETag", "")
    if answer.get("ServerSideEncryption") not in (None, "AES256") or _MD5.fullmatch(etag) is None:
        return
    if etag.strip('"') != hashlib.md5(content, usedforsecurity=False).hexdigest():
        raise StorageUnavailable("S3: the bytes were damaged in transit")
