"""From a hash of ms-files to a record of ours, and what did not fit. Pure.

Nothing is dropped silently: a field is mapped, or kept under ``meta``, or named in an oddity; a file that cannot be
mapped at all is an oddity with ``fatal``.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from migrations.ms_files import model
from storage_adapters import JSON, Access, Failure, FileRecord, FileStatus, Part

MAX_TAGS, MAX_TAG, MAX_OWNER, MAX_META_BYTES = 20, 40, 78, 64 * 1024
_DEEP = 100  # of what has fewer brackets every document can be written
_LARGEST = 2**53 - 1  # what the other service could count to
KEPT = "ms_files"  # the key of meta under which stands what has no place of its own

_STATUSES = {
    model.PENDING: FileStatus.PENDING,
    model.UPLOADED: FileStatus.UPLOADED,
    model.PROCESSING: FileStatus.UPLOADED,
    model.PROCESSED: FileStatus.PROCESSED,
    model.FAILED: FileStatus.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """What has no equivalent, or is not as it should be in the source. ``fatal``: the file is not imported."""

    kind: str
    name: str
    detail: str
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """All that is known of a file in the source. ``alias_holder`` is whom the table of aliases names for its alias."""

    file_id: str
    fields: Mapping[str, str]
    expires_at: int | None = None
    post_action: str | None = None
    alias_holder: str | None = None
    received: Mapping[str, int] = field(default_factory=dict)  # parts that have arrived, by key: when


@dataclass(slots=True)
class Mapped:
    """A record, None when there can be none, and the oddities met on the way."""

    record: FileRecord | None
    oddities: list[Oddity]


class _Unmappable(Exception):
    """There is no record that says what the source says."""


def _wrapped(value: Any) -> Any:
    """A value as deep in lists as it may come to stand in documents of any store: not all depths can be written."""
    for _ in range(_DEEP // 10):
        value = [value]
    return value


def number(value: object) -> int | None:
    """A count of bytes or milliseconds, None for what is none: of text, JSON, or a float of either."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else float(value)
    except ValueError:
        return None
    return int(found) if 0 <= found <= _LARGEST else None


def map_file(source: Source) -> Mapped:
    """Make the record. The clock is not asked: the same source gives the same record."""
    mapping = _Mapping(source)
    try:
        return Mapped(mapping.record(), mapping.oddities)
    except _Unmappable:
        return Mapped(None, mapping.oddities)


class _Mapping:
    def __init__(self, source: Source) -> None:
        self.oddities: list[Oddity] = []
        self._source = source
        self._fields = source.fields
        self._kept: JSON = {}

    def record(self) -> FileRecord:
        if not self._source.file_id:
            self._give_up("not_a_record", "its id is empty")
        status = self._status()
        owner = self._owner()
        created_at = self._time("startedAt") or self._time("uploadedAt")
        if created_at is None:
            self._note("missing_time", "neither startedAt nor uploadedAt; it counts as made at 0")
            created_at = 0
        uploaded_at = None if status is FileStatus.PENDING else self._time("uploadedAt") or created_at
        parts = self._parts(status, uploaded_at)
        if status is FileStatus.PENDING and all(part.received_at is not None for part in parts):
            # It was cut short between its last part and itself, and would have waited until it expired.
            self._note("finish_cut_short", "all parts have arrived: it counts as uploaded")
            status, uploaded_at = FileStatus.UPLOADED, max(part.received_at or 0 for part in parts)
        temporary = self._flag("temporary")
        meta = self._meta()
        tags = self._tags()
        record = FileRecord(
            file_id=self._source.file_id,
            owner=owner,
            name=self._name(),
            created_at=created_at,
            parts=parts,
            size=sum(part.size for part in parts),
            content_type=parts[0].content_type,
            status=status,
            access=self._access(),
            alias=self._alias(),
            tags=tags,
            meta=meta,
            temporary=temporary,
            immutable=self._flag("immutable"),
            expires_at=(self._source.expires_at or created_at + model.UPLOAD_TTL_MS) if temporary else None,
            upload_expires_at=self._upload_expires_at(status, created_at),
            uploaded_at=uploaded_at,
            processed_at=uploaded_at if status is FileStatus.PROCESSED else None,
            error=self._failure(status),
            parent_id=self._plain(self._fields.get("parentId", ""), "parentId") or None,
            post_action=self._post_action(),
            revision=1,
        )
        if temporary and self._source.expires_at is None:
            self._note("temporary_without_ttl", "expires a day after its start")
        return record

    def _note(self, kind: str, detail: str, *, fatal: bool = False) -> None:
        self.oddities.append(Oddity(kind=kind, name=self._source.file_id, detail=detail[:500], fatal=fatal))

    def _give_up(self, kind: str, detail: str) -> None:
        self._note(kind, detail, fatal=True)
        raise _Unmappable

    def _status(self) -> FileStatus:
        found = self._fields.get("status", "")
        if found not in _STATUSES:
            self._give_up("unknown_status", f"status {found!r}")
        if found == model.PROCESSING:
            self._note("processing_elsewhere", "its worker does not come along: it is processed again")
        return _STATUSES[found]

    def _owner(self) -> str:
        owner = self._fields.get("owner", "")
        if not 1 <= len(owner) <= MAX_OWNER:
            self._give_up("no_owner" if not owner else "owner_too_long", f"owner {owner!r}")
        return self._plain(owner, "owner")

    def _name(self) -> str:
        name = self._fields.get("name", "")
        if not name:
            self._note("no_name", "named after its id")
        return self._plain(name, "name") or self._source.file_id

    def _plain(self, text: str, field_name: str) -> str:
        """Text that is Unicode; bytes that are none are replaced."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self._note("not_utf8", f"{field_name}: {text.encode(errors='surrogateescape')!r}")
            return text.encode(errors="surrogateescape").decode(errors="replace")
        return text

    def _flag(self, name: str) -> bool:
        return self._fields.get(name) in ("1", "true")

    def _time(self, name: str) -> int | None:
        text = self._fields.get(name, "")
        if not text:
            return None
        found = number(text)
        if found is None:
            self._note("not_a_number", f"{name}: {text!r}")
        return found

    def _access(self) -> Access:
        if self._flag("unlisted"):
            if self._flag("public"):
                self._note("public_and_unlisted", "it is unlisted")
            return Access.UNLISTED
        if not self._flag("public"):
            return Access.PRIVATE
        if self._flag("direct"):
            self._note("direct_only", "public bytes that stood in no public list: it is unlisted")
            return Access.UNLISTED
        return Access.PUBLIC

    def _alias(self) -> str | None:
        alias = self._plain(self._fields.get("alias", ""), "alias")
        if not alias:
            return None
        holder = self._source.alias_holder
        if holder is None:
            self._note("alias_not_in_table", f"alias {alias!r} resolves to nobody; left out")
            return None
        if holder != self._source.file_id:
            self._note("alias_of_another", f"alias {alias!r} resolves to {holder}; left out")
            return None
        return alias

    def _tags(self) -> tuple[str, ...]:
        found = self._json("tags", self._fields.get("tags") or "[]", [])
        if not isinstance(found, list) or not all(isinstance(tag, str) for tag in found):
            self._note("corrupt_json", f"tags: {str(found)[:200]}")
            found = []
        tags: list[str] = []
        for tag in found:
            kept = unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).strip().lower())
            if not 1 <= len(kept) <= MAX_TAG or "," in kept:
                self._note("not_a_tag", f"tag {tag!r} is left out")
            elif kept not in tags:
                tags.append(kept)
        if len(tags) > MAX_TAGS:
            self._note("too_many_tags", f"left out: {', '.join(tags[MAX_TAGS:])}")
        return tuple(tags[:MAX_TAGS])

    def _parts(self, status: FileStatus, uploaded_at: int | None) -> tuple[Part, ...]:
        text = self._fields.get("files")
        files = None if text is None else self._json("files", text, None)
        if not isinstance(files, list) or not files or not all(isinstance(each, dict) for each in files):
            self._give_up("no_parts", f"files: {(text or '')[:200]!r}")
        assert isinstance(files, list)
        parts: list[Part] = []
        others: list[JSON] = []
        for place, each in enumerate(files):
            parts.append(self._part(place, each, status, uploaded_at))
            others.append({key: value for key, value in each.items() if key not in model.PART_FIELDS})
        if any(others):
            self._kept["parts"] = others
        if len({part.key for part in parts}) < len(parts):
            self._give_up("repeated_part", "two parts have one name")
        return tuple(parts)

    def _part(self, place: int, each: JSON, status: FileStatus, uploaded_at: int | None) -> Part:
        key = each.get("filename")
        if not isinstance(key, str) or not key:
            self._give_up("no_parts", f"part {place} has no filename")
        assert isinstance(key, str)
        if key.startswith("cfs:"):
            self._note("cloudflare_stream", f"{key} is no object of a bucket: its bytes cannot be served")
        length = each.get("contentLength")
        size = number(length)
        if size is None:
            self._note("not_a_number", f"contentLength of {key}: {length!r}; it counts as 0")
        return Part(
            part_id=f"p{place}",
            type=str(each.get("type") or "file"),
            content_type=str(each.get("contentType") or "application/octet-stream"),
            size=size or 0,
            bucket=str(each.get("bucket") or self._plain(self._fields.get("bucket", ""), "bucket")),
            key=key,
            md5=self._md5(key, each.get("md5Hash")),
            received_at=self._source.received.get(key) if status is FileStatus.PENDING else uploaded_at,
        )

    def _md5(self, key: str, value: object) -> str | None:
        if not isinstance(value, str) or not value:
            return None
        if len(value) == 32:
            return value.lower()
        try:
            digest = base64.b64decode(value, validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) != 16:
            self._note("not_an_md5", f"{key}: {value[:100]!r}")
            return None
        return digest.hex()

    def _meta(self) -> JSON:
        meta: JSON = {}
        for name, text in self._fields.items():
            if name in model.WITHOUT_EQUIVALENT:
                self._note("without_equivalent", f"{name}: {model.WITHOUT_EQUIVALENT[name]}")
            if name in model.JSON_META:
                meta[name] = self._json(name, text, text)
            elif name == "categories":
                meta[name] = [each.strip() for each in self._plain(text, name).split(",") if each.strip()]
            elif name not in model.MAPPED:
                meta[self._plain(name, "the name of a field")] = self._plain(text, name)
        if self._kept:
            meta[KEPT] = self._kept
        size = len(orjson.dumps(meta))
        if size > MAX_META_BYTES:
            self._note("meta_too_large", f"{size} bytes are kept; an edit must make them at most {MAX_META_BYTES}")
        return meta

    def _json(self, name: str, text: str, instead: Any) -> Any:
        try:
            found = orjson.loads(self._plain(text, name))
            if text.count("[") + text.count("{") > _DEEP:
                orjson.dumps(_wrapped(found))
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            self._note("corrupt_json", f"{name}: {text[:200]!r}")
            return instead
        return found

    def _upload_expires_at(self, status: FileStatus, created_at: int) -> int | None:
        if status is not FileStatus.PENDING:
            return None
        return self._source.expires_at or created_at + model.UPLOAD_TTL_MS

    def _failure(self, status: FileStatus) -> Failure | None:
        message = self._fields.get("error", "")
        if status is not FileStatus.FAILED:
            return None
        attempts = number(self._fields.get("error-count"))
        return Failure(
            code="failed_before_import",
            message=self._plain(message, "error") or "no message",
            attempts=1 if attempts is None else attempts,
        )

    def _post_action(self) -> JSON | None:
        text = self._source.post_action
        if text is None:
            return None
        found = self._json("the post action", text, None)
        update = found.get("update") if isinstance(found, dict) else None
        if not isinstance(update, dict):
            self._note("post_action", f"left out: {text[:200]}")
            return None
        changes: JSON = {name: update.pop(name) for name in ("name", "alias", "tags") if name in update}
        if isinstance(changes.get("tags"), list):
            changes["tags"] = [str(tag).strip().lower() for tag in changes["tags"]]
        return {"update": {**changes, **({"meta": update} if update else {})}}
