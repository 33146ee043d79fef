"""Uploads and their chunks in Redis: rules 10 and 11 of ``keys``. Each write is one script."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from storage_adapters.errors import ChunkGone, StorageUnavailable, UploadConflict, UploadNotFound
from storage_adapters.metadata.redis.keys import Keys
from storage_adapters.metadata.redis.server import Server
from storage_adapters.ports.uploads import (
    Chunk,
    ChunkReservation,
    GarbageChunk,
    SupportsUploads,
    Upload,
    UploadStatus,
    new_token,
)

_DELETED_AT_ONCE = 500
_OBJECT_ID = 64
_ATTEMPTS = 100


class RedisUploads(SupportsUploads):
    """The part of the Redis store that keeps uploads."""

    _keys: Keys
    _server: Server

    def create_upload(self, upload: Upload) -> Upload:
        """See ``SupportsUploads``."""
        fields = {
            "owner": upload.owner,
            "created_at": upload.created_at,
            "expires_at": upload.expires_at,
            "size": "" if upload.size is None else upload.size,
            "chunk_size": upload.chunk_size,
            "status": UploadStatus.OPEN.value,
            "received": 0,
            "chunks": 0,
            "details": orjson.dumps(dict(upload.details)),
            **({"chunk_domain": upload.chunk_domain} if upload.chunk_domain else {}),
        }
        keys = self._keys
        self._server.run(
            "upload_create",
            [keys.upload(upload.upload_id), keys.open_uploads(upload.owner), keys.expiries],
            [upload.upload_id, upload.expires_at, *(each for pair in fields.items() for each in pair)],
        )
        return self.get_upload(upload.upload_id)

    def get_upload(self, upload_id: str) -> Upload:
        """See ``SupportsUploads``."""
        upload = self._find_upload(upload_id)
        if upload is None or upload.status is UploadStatus.DELETING:
            raise UploadNotFound(f"no upload {upload_id}")
        return upload

    def open_uploads(self, owner: str, *, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        members = sorted(self._server.call("SMEMBERS", self._keys.open_uploads(owner)))[:limit]
        return self._find_uploads(members)

    def set_size(self, upload_id: str, size: int) -> Upload:
        """See ``SupportsUploads``."""
        if self._set(upload_id, "size", size) == -1:
            raise UploadConflict(f"the upload is not of {size} bytes")
        return self.get_upload(upload_id)

    def annotate(self, upload_id: str, details: Mapping[str, Any]) -> Upload:
        """See ``SupportsUploads``."""
        for _ in range(_ATTEMPTS):
            old = self._server.call("HGET", self._keys.upload(upload_id), "details")
            if old is None:
                break
            merged = orjson.dumps({**orjson.loads(old), **details})
            if self._set(upload_id, "details", old, merged) == 1:
                return self.get_upload(upload_id)
        if old is None:
            raise UploadNotFound(f"no upload {upload_id}")
        raise StorageUnavailable("redis: too many concurrent writers of the upload")

    def append_chunks(self, upload_id: str, chunks: Sequence[Chunk], *, expires_at: int) -> Upload:
        """See ``SupportsUploads``."""
        upload, keys = self.get_upload(upload_id), self._keys
        ordered = sorted(chunks, key=lambda chunk: chunk.offset)
        answer = self._server.run(
            "upload_append",
            [*self._state(upload_id), keys.places(upload.domain), keys.unused, keys.expiries],
            [
                upload_id,
                upload.domain,
                expires_at,
                *(each for c in ordered for each in (c.offset, c.size, c.object_id, c.token)),
            ],
        )
        match answer:
            case [1]:
                return self.get_upload(upload_id)
            case [-1, reason]:
                raise UploadConflict(reason.decode())
            case [-2, object_id]:
                raise ChunkGone(object_id.decode())
        raise UploadNotFound(f"no upload {upload_id}")

    def list_chunks(self, upload_id: str, *, offset: int = 0, limit: int) -> list[Chunk]:
        """See ``SupportsUploads``."""
        key = self._keys.upload_chunks(upload_id)
        domain, first, rest = self._server.call_all(
            [
                ("HGET", self._keys.upload(upload_id), "chunk_domain"),
                ("ZREVRANGEBYSCORE", key, offset, "-inf", "LIMIT", 0, 1),
                ("ZRANGEBYSCORE", key, f"({offset}", "+inf", "LIMIT", 0, limit),
            ]
        )
        found = [_chunk(member, (domain or b"").decode()) for member in (*first, *rest)]
        return [chunk for chunk in found if chunk.end > offset][:limit]

    def ranges(self, upload_id: str) -> list[tuple[int, int]]:
        """See ``SupportsUploads``."""
        ends = self._server.call("HGETALL", self._keys.upload_ends(upload_id))
        return sorted((int(start), int(end)) for start, end in ends.items())

    def seal_upload(self, upload_id: str, *, sealed_at: int, sha256: str | None, md5: str | None) -> Upload:
        """See ``SupportsUploads``."""
        upload = self.get_upload(upload_id)
        keys = [self._keys.upload(upload_id), self._keys.open_uploads(upload.owner), self._keys.expiries]
        if self._server.run("upload_seal", keys, [upload_id, sealed_at, sha256 or "", md5 or ""]) == -1:
            raise UploadConflict("bytes are missing")
        return self.get_upload(upload_id)

    def delete_upload(self, upload_id: str, *, now: int, only_expired: bool = False) -> bool:
        """See ``SupportsUploads``."""
        upload, keys = self._find_upload(upload_id), self._keys
        if upload is None:
            return False
        names = [
            *self._state(upload_id),
            keys.places(upload.domain),
            keys.unused,
            keys.expiries,
            keys.open_uploads(upload.owner),
            keys.deleting,
        ]
        found = False
        arguments = [upload_id, upload.domain, now, _DELETED_AT_ONCE, int(only_expired)]
        while (answer := self._server.run("upload_delete", names, arguments)) == 0:
            # From here on only what is being deleted: the same id may be that of a new upload.
            found, arguments[4] = True, 2
        return found or answer == 1

    def expired_uploads(self, *, now: int, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        deleting = self._server.call("SRANDMEMBER", self._keys.deleting, limit)
        expired = self._server.call("ZRANGEBYSCORE", self._keys.expiries, "-inf", now, "LIMIT", 0, limit)
        return self._find_uploads([*deleting, *expired][:limit])

    def reserve_chunks(self, domain: str, object_ids: Sequence[str], *, now: int) -> list[ChunkReservation]:
        """See ``SupportsUploads``."""
        places = []
        for start in range(0, len(object_ids), _DELETED_AT_ONCE):
            batch = object_ids[start : start + _DELETED_AT_ONCE]
            wanted = [each for object_id in batch for each in (object_id, new_token(secrets.token_bytes(8)))]
            keys = [self._keys.places(domain), self._keys.unused]
            answer = self._server.run("chunk_reserve", keys, [domain, now, *wanted])
            for object_id, token, stored in zip(batch, answer[::2], answer[1::2], strict=True):
                places.append(ChunkReservation(object_id=object_id, token=token.decode(), stored=stored == b"1"))
        return places

    def chunk_tokens(self, domain: str, object_ids: Sequence[str]) -> list[str | None]:
        """See ``SupportsUploads``."""
        places = self._server.call("HMGET", self._keys.places(domain), *object_ids) if object_ids else []
        return [None if place is None else place.decode().partition(" ")[0] for place in places]

    def mark_garbage(self, *, unused_before: int, limit: int) -> list[GarbageChunk]:
        """See ``SupportsUploads``."""
        keys = self._keys
        room = limit - int(self._server.call("HLEN", keys.garbage))
        if room > 0:
            due = self._server.call("ZRANGEBYSCORE", keys.unused, "-inf", f"({unused_before}", "LIMIT", 0, room)
            by_domain: dict[str, list[str]] = defaultdict(list)
            for member in due:
                object_id, domain = _split(member)
                by_domain[domain].append(object_id)
            for domain, object_ids in by_domain.items():
                names = [keys.places(domain), keys.unused, keys.garbage]
                self._server.run("chunk_garbage", names, [domain, unused_before, *object_ids])
        found = self._server.call("HGETALL", keys.garbage)
        garbage = []
        for token, member in list(found.items())[:limit]:
            object_id, domain = _split(member)
            garbage.append(GarbageChunk(domain=domain, object_id=object_id, token=token.decode()))
        return garbage

    def forget_garbage(self, garbage: Sequence[GarbageChunk]) -> None:
        """See ``SupportsUploads``."""
        if garbage:
            self._server.call("HDEL", self._keys.garbage, *(each.token for each in garbage))

    def _state(self, upload_id: str) -> list[bytes]:
        keys = self._keys
        return [
            keys.upload(upload_id),
            keys.upload_chunks(upload_id),
            keys.upload_starts(upload_id),
            keys.upload_ends(upload_id),
        ]

    def _set(self, upload_id: str, *arguments: Any) -> int:
        keys = [self._keys.upload(upload_id), self._keys.upload_starts(upload_id), self._keys.upload_ends(upload_id)]
        answer = int(self._server.run("upload_set", keys, list(arguments)))
        if answer == 0:
            raise UploadNotFound(f"no upload {upload_id}")
        return answer

    def _find_upload(self, upload_id: str) -> Upload | None:
        found = self._find_uploads([upload_id.encode()])
        return found[0] if found else None

    def _find_uploads(self, upload_ids: Sequence[bytes]) -> list[Upload]:
        names = [upload_id.decode() for upload_id in upload_ids]
        commands: list[tuple[Any, ...]] = []
        for name in names:
            commands.append(("HGETALL", self._keys.upload(name)))
            commands.append(("HGET", self._keys.upload_ends(name), "0"))
        answers = self._server.call_all(commands) if commands else []
        pairs = zip(names, answers[::2], answers[1::2], strict=True)
        return [_upload(name, fields, contiguous) for name, fields, contiguous in pairs if fields]


def _upload(upload_id: str, fields: Any, contiguous: bytes | None) -> Upload:
    if not isinstance(fields, dict):
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    known = {name.decode(): value.decode() for name, value in fields.items()}
    return Upload(
        upload_id=upload_id,
        owner=known["owner"],
        created_at=int(known["created_at"]),
        expires_at=int(known["expires_at"]),
        size=int(known["size"]) if known["size"] else None,
        chunk_size=int(known["chunk_size"]),
        status=UploadStatus(known["status"]),
        received=int(known["received"]),
        chunks=int(known["chunks"]),
        contiguous=int(contiguous or 0),
        sealed_at=int(known["sealed_at"]) if known.get("sealed_at") else None,
        sha256=known.get("sha256") or None,
        md5=known.get("md5") or None,
        details=orjson.loads(known["details"]),
        chunk_domain=known.get("chunk_domain", ""),
    )


def _chunk(member: bytes, domain: str) -> Chunk:
    offset, size, object_id, token = member.decode().split(":")
    return Chunk(offset=int(offset), size=int(size), object_id=object_id, token=token, chunk_domain=domain)


def _split(member: bytes) -> tuple[str, str]:
    """Split a member into an object id and the domain behind it."""
    text = member.decode()
    return text[:_OBJECT_ID], text[_OBJECT_ID:]
