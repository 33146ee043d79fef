"""Results of calls, for type checkers; docs/rpc.md explains each field. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class AddressPart(TypedDict):
    """Address of some bytes of a part, of the protocol ``s3-multipart``."""

    number: int
    offset: int
    size: int
    url: str


class Address(TypedDict):
    """Upload address of a part."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: int
    protocol: str
    parts: NotRequired[list[AddressPart]]


class Part(TypedDict):
    """A part of a file; only the owner sees its storage location."""

    part_id: str
    type: str
    content_type: str
    size: int
    md5: str | None
    crc32c: str | None
    sha256: str | None
    crc32: str | None
    received_at: int | None
    bucket: NotRequired[str]
    key: NotRequired[str]
    generation: NotRequired[str | None]
    upload: NotRequired[Address]


class File(TypedDict):
    """A file's record."""

    file_id: str
    owner: str
    name: str
    alias: str | None
    tags: list[str]
    meta: dict[str, Any]
    access: str
    temporary: bool
    expires_at: int | None
    status: str
    parts: list[Part]
    size: int
    content_type: str
    created_at: int
    uploaded_at: int | None
    processed_at: int | None
    immutable: bool
    path: NotRequired[str | None]
    trashed_at: NotRequired[int | None]
    revision: int
    change_token: str


class Finished(TypedDict):
    """files.finish."""

    file_id: str
    status: str
    parts_received: int
    parts_total: int
    duplicate: bool
    revision: int
    change_token: str


class FileIds(TypedDict):
    """files.head."""

    file_ids: list[str | None]


class Download(TypedDict):
    """files.download."""

    file_id: str
    name: str
    parts: list[str]
    urls: list[str]
    expires_at: int | None


class Archive(TypedDict):
    """files.archive."""

    archive_id: str
    url: str
    name: str
    size: int
    entries: int
    resumable: bool
    expires_at: int


class Version(TypedDict):
    """A version of a file."""

    version_id: str
    size: int
    content_type: str
    created_at: int
    author: str | None
    label: str | None
    current: bool


class Versions(TypedDict):
    """versions.list."""

    file_id: str
    versions: list[Version]
    change_token: str


class VersionDownload(Download):
    """versions.download."""

    version_id: str


class Page(TypedDict):
    """files.list; files are whole records unless ``fields`` were selected."""

    files: list[dict[str, Any]]
    next_cursor: str | None
    served_by: str
    change_token: str | None
    total: NotRequired[int | None]


class Counted(TypedDict):
    """A number of files or versions, and their bytes."""

    count: int
    bytes: int


class Month(Counted):
    """A month with pictures or videos."""

    month: str
    by_kind: dict[str, Counted]


class Timeline(TypedDict):
    """files.timeline: the months, or a page of the files of one."""

    months: NotRequired[list[Month]]
    month: NotRequired[str]
    files: NotRequired[list[File]]
    next_cursor: NotRequired[str | None]


class ManifestChunk(TypedDict):
    """A chunk in files.manifest."""

    object_id: str | None
    slice_start: int
    size: int


class Count(TypedDict):
    """files.count."""

    total: int
    public: int
    by_access: dict[str, int]
    by_status: dict[str, int]
    served_by: str
    change_token: str | None


class Outcome(TypedDict):
    """Result for one file."""

    file_id: str
    ok: bool
    access: NotRequired[str]
    tags: NotRequired[list[str]]
    revision: NotRequired[int]
    change_token: NotRequired[str]
    error: NotRequired[dict[str, Any]]


class Outcomes(TypedDict):
    """files.access and files.tag.* of many files; files.tag.access has a cursor for the rest."""

    files: list[Outcome]
    next_cursor: NotRequired[str | None]


class Removed(TypedDict):
    """files.remove."""

    file_id: str
    removed: bool
    revision: int
    change_token: str
