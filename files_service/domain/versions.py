"""Versions of a file: which content is current, which are former ones, and which of these are kept. Pure.

1. The content of a file is a version as its former contents are. Its id is that of the upload that brought it, of the
   file itself for the first content, and a new one after a rollback.
2. The upload of a version becomes current in one change of the file, and in no second one: a content that is there
   already changes nothing.
3. A rollback makes a new version of the same parts. So versions share parts; a part goes with the last that names it.
4. A label keeps a version from being pruned.
5. A part is named among its file's lost parts by its id while it is current, and by the id of its upload otherwise:
   part ids of several versions are the same.
6. What cameras tell of a content and its derived parts go with it into a version, and come back with a rollback.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from files_service.domain.chunking import upload_id_of_part
from files_service.domain.media_types import UNKNOWN_TYPE
from storage_adapters import FileRecord, Part, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Limits of former contents: at most ``most``; those behind the last ``kept`` until they are ``kept_ms`` old.

    The age of a former content counts from its replacement.
    """

    most: int
    kept: int
    kept_ms: int


def current_version(record: FileRecord) -> Version:
    """Return the current content as a version."""
    return Version(
        version_id=record.version_id or record.file_id,
        parts=record.parts,
        size=record.size,
        content_type=record.content_type,
        created_at=record.version_at or record.uploaded_at or record.created_at,
        author=record.version_author,
        label=record.version_label,
        **_described(record),
    )


def all_versions(record: FileRecord) -> tuple[Version, ...]:
    """Return the former contents and the current one, oldest first."""
    return (*record.versions, current_version(record))


def find_version(record: FileRecord, version_id: str) -> Version | None:
    """Return the version with this id, current or former; None without one."""
    return next((each for each in all_versions(record) if each.version_id == version_id), None)


def as_content(record: FileRecord, version: Version) -> FileRecord:
    """Return the file as it were if the version were its content."""
    shown = replace(
        record,
        parts=version.parts,
        size=version.size,
        content_type=version.content_type,
        versions=(),
        version_id=version.version_id,
        version_at=version.created_at,
        **_described(version),
    )
    return with_lost(shown, lost_keys(record))


def absorb(record: FileRecord, upload: FileRecord, *, now: int) -> FileRecord:
    """Make the content of a finished upload current; a file that has it stays as it is.

    Upload URLs of the version were handed out, too, and its blobs can be overwritten until the last of them expires.
    """
    if find_version(record, upload.file_id) is not None:
        return record
    known = upload.content_type != UNKNOWN_TYPE
    content = Version(
        version_id=upload.file_id,
        parts=upload.parts,
        size=upload.size,
        content_type=upload.content_type if known else record.content_type,
        created_at=now,
        author=upload.version_author,
        label=upload.version_label,
        **_described(upload),
    )
    is_known = record.urls_expire_at is not None and upload.urls_expire_at is not None
    return replace(
        _with_content(record, content, lost=lost_keys(record) | lost_keys(upload)),
        urls_expire_at=_later(record.urls_expire_at, upload.urls_expire_at) if is_known else None,
        upload_expires_at=_later(record.upload_expires_at, upload.upload_expires_at),
    )


def restore(record: FileRecord, former: Version, *, version_id: str, author: str | None, now: int) -> FileRecord:
    """Make the bytes of a version current again, as a new version; bytes that are current change nothing."""
    if _places(former.parts) == _places(record.parts):
        return record
    content = replace(former, version_id=version_id, created_at=now, author=author, label=None)
    return _with_content(record, content, lost=lost_keys(record))


def set_label(record: FileRecord, version_id: str, label: str | None) -> FileRecord:
    """Set the label of a version, current or former; None takes it away."""
    if current_version(record).version_id == version_id:
        return replace(record, version_label=label)
    versions = (replace(each, label=label) if each.version_id == version_id else each for each in record.versions)
    return replace(record, versions=tuple(versions))


def labels(record: FileRecord) -> int:
    """Return the number of versions with a label."""
    return sum(each.label is not None for each in all_versions(record))


def without_version(record: FileRecord, version_id: str) -> FileRecord:
    """Take a former content out of the file."""
    return _with_versions(record, [each for each in record.versions if each.version_id != version_id])


def pruned(record: FileRecord, retention: Retention, *, now: int) -> FileRecord:
    """Return the file without the versions that are not to be kept: too old ones, then the oldest of too many."""
    expired = {each.version_id for each, due_at in _due(record, retention) if due_at <= now}
    kept = [each for each in record.versions if each.version_id not in expired]
    surplus = max(0, len(kept) - retention.most)
    oldest = {each.version_id for each in [each for each in kept if each.label is None][:surplus]}
    return _with_versions(record, [each for each in kept if each.version_id not in oldest])


def prune_at(record: FileRecord, retention: Retention) -> int | None:
    """Return the time at which the next version is too old to be kept, None when none ever is."""
    return min((due_at for _, due_at in _due(record, retention)), default=None)


def dropped_parts(before: FileRecord, after: FileRecord) -> tuple[Part, ...]:
    """Return the parts that a change has taken out of a file: no version names them any more."""
    kept = _places(after.stored_parts)
    return tuple(part for part in before.stored_parts if (part.bucket, part.key) not in kept)


def stored_part(record: FileRecord, key: str, bucket: str) -> Part | None:
    """Return the part with this key, of the current content or a former one."""
    return next((part for part in record.stored_parts if (part.key, part.bucket) == (key, bucket)), None)


def is_lost(record: FileRecord, part: Part) -> bool:
    """Return True when the bytes of a part, current or former, are marked as lost."""
    return bool(record.lost_parts) and _lost_name(record, part) in record.lost_parts


def lost_keys(record: FileRecord) -> set[str]:
    """Return the keys of the parts that are marked as lost."""
    return {part.key for part in record.stored_parts if is_lost(record, part)}


def with_lost(record: FileRecord, keys: Collection[str]) -> FileRecord:
    """Return the record on which exactly the parts of these keys are marked as lost."""
    names = {_lost_name(record, part) for part in record.stored_parts if part.key in keys}
    return replace(record, lost_parts=tuple(sorted(names)))


def with_part(record: FileRecord, part: Part) -> FileRecord:
    """Return the record with another state of a part, wherever it is named."""

    def renewed(parts: Iterable[Part]) -> tuple[Part, ...]:
        return tuple(part if each.key == part.key else each for each in parts)

    versions = tuple(
        replace(each, parts=renewed(each.parts), derived=renewed(each.derived)) for each in record.versions
    )
    return replace(record, parts=renewed(record.parts), derived=renewed(record.derived), versions=versions)


def _with_content(record: FileRecord, content: Version, *, lost: Collection[str]) -> FileRecord:
    former = current_version(record)
    changed = replace(
        record,
        versions=(*record.versions, former),
        parts=content.parts,
        size=content.size,
        content_type=content.content_type,
        version_id=content.version_id,
        # A clock that was set back must not put the current content before a former one.
        version_at=max(content.created_at, former.created_at),
        version_author=content.author,
        version_label=content.label,
        **_described(content),
    )
    return with_lost(changed, lost)


def _described(content: FileRecord | Version) -> dict[str, Any]:
    """Return what cameras tell of a content, and its derived parts."""
    return {
        "captured_at": content.captured_at,
        "captured_offset_minutes": content.captured_offset_minutes,
        "captured_source": content.captured_source,
        "media": content.media,
        "derived": content.derived,
    }


def _with_versions(record: FileRecord, versions: list[Version]) -> FileRecord:
    if len(versions) == len(record.versions):
        return record
    lost = lost_keys(record)
    return with_lost(replace(record, versions=tuple(versions)), lost)


def _due(record: FileRecord, retention: Retention) -> list[tuple[Version, int]]:
    """Return the former contents that a time limits, and the time."""
    replaced = [each.created_at for each in all_versions(record)[1:]]
    limited = list(zip(record.versions, replaced, strict=True))[: max(0, len(replaced) - retention.kept)]
    return [(each, at + retention.kept_ms) for each, at in limited if each.label is None]


def _lost_name(record: FileRecord, part: Part) -> str:
    if any(each.key == part.key for each in record.parts):
        return part.part_id
    return upload_id_of_part(part) or part.key


def _places(parts: Iterable[Part]) -> set[tuple[str, str]]:
    return {(part.bucket, part.key) for part in parts}


def _later(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)
