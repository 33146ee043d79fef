"""Parameters of every call, for type checkers. Omitted parameters are not sent; docs/rpc.md lists the defaults."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict

AccessLevel = Literal["private", "shared", "unlisted", "public"]


class ActorParams(TypedDict, total=False):
    """Parameters shared by all calls."""

    actor: str | None


class OwnerParams(ActorParams, total=False):
    """Parameters shared by calls about what an owner has."""

    owner: Required[str]


class OwnerPageParams(OwnerParams, total=False):
    """Parameters shared by calls for a page of what an owner has."""

    limit: int
    cursor: str | None


class PartDeclaration(TypedDict, total=False):
    """A part of a new file."""

    size: Required[int]
    type: str
    content_type: str
    md5: str | None
    crc32c: str | None
    sha256: str | None


class Changes(TypedDict, total=False):
    """The changes of an edit; None unsets."""

    name: str
    alias: str | None
    tags: list[str] | None
    meta: dict[str, Any] | None
    content_type: str
    grantees: list[str] | None
    immutable: Literal[True]


class PostAction(TypedDict):
    """Changes to apply when a file is processed."""

    update: Changes


class UploadParams(OwnerParams, total=False):
    """files.upload: ``name``, or ``path``."""

    name: str | None
    path: str | None
    on_conflict: Literal["rename", "fail"]
    parts: Required[list[PartDeclaration]]
    access: AccessLevel
    tags: list[str]
    meta: dict[str, Any]
    alias: str | None
    temporary: bool
    ttl_seconds: int
    resumable: bool
    expires_seconds: int
    origin: str | None
    version_of: str | None
    label: str | None
    request_id: str | None
    post_action: PostAction | None


class FinishParams(ActorParams, total=False):
    """files.finish: key and bucket, or file_id and part_id."""

    key: str
    bucket: str
    file_id: str
    part_id: str
    generation: str | None
    size: int | None
    md5: str | None
    crc32c: str | None
    skip_processing: bool
    wait: bool


class FileParams(ActorParams, total=False):
    """The parameters shared by calls about one file."""

    file_id: Required[str]


class ManifestParams(FileParams, total=False):
    """files.manifest."""

    start: int
    limit: int


class ProcessParams(FileParams, total=False):
    """files.process."""

    force: bool


class InfoParams(ActorParams, total=False):
    """files.info: file_id, or owner and alias."""

    file_id: str
    owner: str
    alias: str


class DataParams(FileParams, total=False):
    """files.data."""

    fields: Required[list[str]]


class HeadParams(OwnerParams, total=False):
    """files.head."""

    aliases: Required[list[str]]


class DownloadParams(FileParams, total=False):
    """files.download."""

    parts: list[str] | None
    attachment: bool
    expires_seconds: int


class ArchiveParams(ActorParams, total=False):
    """files.archive."""

    file_ids: list[str]
    folder: str
    owner: str
    name: str


class ListParams(ActorParams, total=False):
    """files.list."""

    owner: str | None
    access: AccessLevel | None
    tags: list[str]
    filter: dict[str, Any]
    search: str | None
    order_by: str
    order: Literal["asc", "desc"]
    limit: int
    cursor: str | None
    fields: list[str] | None
    with_total: bool
    min_change: str | None
    consistency: Literal["eventual", "strong"]
    prefix: str
    delimiter: str
    trashed: bool


class TimelineParams(OwnerPageParams, total=False):
    """files.timeline."""

    month: str | None
    kind: Literal["image", "video"] | None


class UsageParams(ActorParams, total=False):
    """files.count and files.report."""

    owner: str | None
    min_change: str | None
    consistency: Literal["eventual", "strong"]


class UpdateParams(FileParams, total=False):
    """files.update."""

    changes: Required[Changes]
    expected_revision: int | None


class AccessParams(ActorParams, total=False):
    """files.access."""

    file_ids: Required[list[str]]
    access: Required[AccessLevel]


class RemoveParams(FileParams, total=False):
    """files.remove."""

    soft: bool
    only_trashed: bool


class CloneParams(FileParams, total=False):
    """files.clone."""

    owner: Required[str]
    changes: Changes | None
    request_id: str | None


class SyncParams(ActorParams, total=False):
    """files.sync."""

    owner: str | None
    older_than_seconds: int
    dry_run: bool
    deep: bool
    looked_at: int | None
    cursor: str | None


class TagParams(FileParams, total=False):
    """files.tag.add, files.tag.remove and files.tag.sync of one file."""

    tags: Required[list[str]]


class TagManyParams(ActorParams, total=False):
    """files.tag.add, files.tag.remove and files.tag.sync of many files, each with its own result."""

    file_ids: Required[list[str]]
    tags: Required[list[str]]


class TagAccessParams(OwnerParams, total=False):
    """files.tag.access."""

    tag: Required[str]
    access: Required[AccessLevel]
    cursor: str | None
