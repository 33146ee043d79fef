"""Buckets and their objects: generations, preconditions, checksums, and an event for each change. No HTTP."""

from __future__ import annotations

import base64
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import google_crc32c

from tests.fakes.gcs.errors import Refused, bad_request, no_such_bucket, no_such_object, precondition_failed

JSON = dict[str, Any]
PIECE = 1024 * 1024
LEGACY_ACL_REFUSED = "Cannot insert legacy ACL for an object when uniform bucket-level access is enabled."


def rfc3339(seconds: float) -> str:
    """A time as the APIs write it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Preconditions of a request; 0 as a generation means that there is no object."""

    generation: int | None = None
    generation_not: int | None = None
    metageneration: int | None = None

    def check(self, current: StoredObject | None) -> None:
        """Raise 412 where they do not hold."""
        generation = current.generation if current else 0
        if self.generation is not None and self.generation != generation:
            raise precondition_failed()
        if self.generation_not is not None and self.generation_not == generation:
            raise precondition_failed()
        if self.metageneration is not None and (current is None or current.metageneration != self.metageneration):
            raise precondition_failed()


ANY = Conditions()


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object in one generation; ``md5`` is None for a composite."""

    bucket: str
    name: str
    generation: int
    content: Path
    size: int
    crc32c: int
    md5: bytes | None
    content_type: str
    created: float
    metageneration: int = 1
    metadata: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[str, str] = field(default_factory=dict)
    components: int | None = None
    public: bool = False

    @property
    def crc32c_text(self) -> str:
        """As the APIs write it."""
        return base64.b64encode(self.crc32c.to_bytes(4, "big")).decode()

    @property
    def md5_text(self) -> str | None:
        """As the APIs write it."""
        return base64.b64encode(self.md5).decode() if self.md5 is not None else None

    def resource(self, base: str) -> JSON:
        """The object as the JSON API and the notifications describe it: numbers are text."""
        link = f"{base}/storage/v1/b/{self.bucket}/o/{self.name.replace('/', '%2F')}"
        resource: JSON = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": link,
            "mediaLink": f"{link}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(self.size),
            "crc32c": self.crc32c_text,
            "etag": base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode(),
            "timeCreated": rfc3339(self.created),
            "updated": rfc3339(self.created),
            "timeFinalized": rfc3339(self.created),
            **self.described,
        }
        if self.md5 is not None:
            resource["md5Hash"] = self.md5_text
        if self.metadata:
            resource["metadata"] = dict(self.metadata)
        if self.components is not None:
            resource["componentCount"] = self.components
        return resource


@dataclass(kw_only=True)
class Bucket:
    """A bucket and its configuration."""

    name: str
    uniform: bool = True
    cors: list[JSON] = field(default_factory=list)
    lifecycle: JSON = field(default_factory=dict)
    policy: list[JSON] = field(default_factory=list)
    notification_configs: dict[str, JSON] = field(default_factory=dict)
    objects: dict[str, StoredObject] = field(default_factory=dict)
    metageneration: int = 1
    public_access_prevention: str = "inherited"
    requester_pays: bool = False

    @property
    def everyone_reads(self) -> bool:
        """Whether the bucket's policy lets everybody read."""
        return self.public_access_prevention != "enforced" and any(
            "allUsers" in each.get("members", ()) and each.get("role", "").startswith("roles/storage.object")
            for each in self.policy
        )

    def resource(self) -> JSON:
        """The bucket as the JSON API describes it."""
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "name": self.name,
            "location": "US",
            "storageClass": "STANDARD",
            "metageneration": str(self.metageneration),
            "etag": str(self.metageneration),
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": self.uniform},
                "publicAccessPrevention": self.public_access_prevention,
            },
            "billing": {"requesterPays": self.requester_pays},
            **({"cors": self.cors} if self.cors else {}),
            **({"lifecycle": self.lifecycle} if self.lifecycle else {}),
        }


OnEvent = Callable[[str, StoredObject, Mapping[str, str]], None]


class Objects:
    """All buckets. ``on_event`` is called for each change, inside the lock: events keep the order of the changes."""

    def __init__(self, folder: Path, clock: Callable[[], float], on_event: OnEvent) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.lock = threading.RLock()
        self._folder, self._clock, self._on_event = folder, clock, on_event
        self._last_generation = 0

    def bucket(self, name: str) -> Bucket:
        """The bucket; 404 when there is none."""
        with self.lock:
            if name not in self.buckets:
                raise no_such_bucket()
            return self.buckets[name]

    def make_bucket(self, name: str, **configuration: Any) -> Bucket:
        """Make a bucket; 409 when there is one."""
        with self.lock:
            if name in self.buckets:
                raise Refused(409, "BucketAlreadyOwnedByYou", "You already own this bucket.", reason="conflict")
            self.buckets[name] = Bucket(name=name, **configuration)
            return self.buckets[name]

    def fresh_file(self) -> Path:
        """A place for bytes."""
        return self._folder / uuid.uuid4().hex

    def get(self, bucket: str, name: str, conditions: Conditions = ANY, generation: int | None = None) -> StoredObject:
        """The object, of this generation if one is given; 404 when there is none."""
        with self.lock:
            found = self.bucket(bucket).objects.get(name)
            if found is None or generation not in (None, found.generation):
                raise no_such_object(bucket, name)
            conditions.check(found)
            return found

    def precheck(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Refuse early what could not be written now."""
        with self.lock:
            conditions.check(self.bucket(bucket).objects.get(name))

    def insert(
        self,
        bucket: str,
        name: str,
        content: Path,
        *,
        content_type: str,
        conditions: Conditions = ANY,
        declared: Mapping[str, str | None] | None = None,
        components: int | None = None,
        **about: Any,
    ) -> StoredObject:
        """Make the file an object; ``declared`` are checksums as the client announced them."""
        size, crc32c, md5 = measure(content)
        stored = StoredObject(
            bucket=bucket,
            name=name,
            generation=0,
            content=content,
            size=size,
            crc32c=crc32c,
            md5=None if components else md5,
            content_type=content_type,
            created=self._clock(),
            components=components,
            **about,
        )
        for field_name, actual in (("md5Hash", stored.md5_text), ("crc32c", stored.crc32c_text)):
            announced = (declared or {}).get(field_name)
            if announced is not None and announced != actual:
                raise bad_request(
                    f'Provided {field_name} "{announced}" doesn\'t match calculated "{actual}".', code="BadDigest"
                )
        with self.lock:
            place = self.bucket(bucket)
            before = place.objects.get(name)
            conditions.check(before)
            stored = replace(stored, generation=self._next_generation())
            place.objects[name] = stored
            extra = {} if before is None else {"overwroteGeneration": str(before.generation)}
            self._on_event("OBJECT_FINALIZE", stored, extra)
            if before is not None:
                self._on_event("OBJECT_DELETE", before, {"overwrittenByGeneration": str(stored.generation)})
        return stored

    def delete(self, bucket: str, name: str, conditions: Conditions = ANY, generation: int | None = None) -> None:
        """Remove the object; 404 when there is none."""
        with self.lock:
            place = self.bucket(bucket)
            before = place.objects.get(name)
            if before is None or generation not in (None, before.generation):
                raise no_such_object(bucket, name)
            conditions.check(before)
            del place.objects[name]
            self._on_event("OBJECT_DELETE", before, {})

    def change(self, bucket: str, name: str, conditions: Conditions, **changes: Any) -> StoredObject:
        """Change what is said of an object, not its content."""
        with self.lock:
            before = self.get(bucket, name, conditions)
            changed = replace(before, metageneration=before.metageneration + 1, **changes)
            self.bucket(bucket).objects[name] = changed
            self._on_event("OBJECT_METADATA_UPDATE", changed, {})
            return changed

    def copy(
        self, source: StoredObject, bucket: str, name: str, conditions: Conditions, **changes: Any
    ) -> StoredObject:
        """Make another object of the same bytes."""
        about: JSON = {"metadata": source.metadata, "described": source.described, **changes}
        about.setdefault("content_type", source.content_type)
        copied = self.fresh_file()
        copied.hardlink_to(source.content)
        return self.insert(bucket, name, copied, conditions=conditions, components=source.components, **about)

    def compose(
        self, sources: Iterable[StoredObject], bucket: str, name: str, conditions: Conditions, **about: Any
    ) -> StoredObject:
        """Join objects to one; its checksum is a CRC32C alone."""
        listed = list(sources)
        joined = self.fresh_file()
        with joined.open("wb") as file:
            for source in listed:
                for piece in pieces(source.content):
                    file.write(piece)
        count = sum(each.components or 1 for each in listed)
        return self.insert(bucket, name, joined, conditions=conditions, components=count, **about)

    def listing(self, bucket: str, prefix: str, after: str, start: str, limit: int) -> list[StoredObject]:
        """The objects behind the name ``after`` and not before ``start``, in the order of their names."""
        with self.lock:
            objects = self.bucket(bucket).objects
            names = sorted(name for name in objects if name.startswith(prefix) and name > after and name >= start)
            return [objects[name] for name in names[:limit]]

    def _next_generation(self) -> int:
        self._last_generation = max(self._last_generation + 1, int(self._clock() * 1_000_000))
        return self._last_generation


def pieces(path: Path, start: int = 0, length: int | None = None) -> Iterable[bytes]:
    """The bytes of a file, in pieces."""
    with path.open("rb") as file:
        file.seek(start)
        left = path.stat().st_size - start if length is None else length
        while left > 0 and (piece := file.read(min(PIECE, left))):
            yield piece
            left -= len(piece)


def measure(path: Path) -> tuple[int, int, bytes]:
    """Size, CRC32C and MD5 of a file."""
    size, crc32c, md5 = 0, 0, hashlib.md5(usedforsecurity=False)
    for piece in pieces(path):
        size += len(piece)
        crc32c = google_crc32c.extend(crc32c, piece)
        md5.update(piece)
    return size, crc32c, md5.digest()
