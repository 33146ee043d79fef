"""Parameters of the calls about folders, places of files and jobs, for type checkers; docs/folders.md has defaults."""

from __future__ import annotations

from typing import Literal, NotRequired, Required, TypedDict

from files_service.client.parameters import ActorParams, OwnerPageParams, OwnerParams

OnConflict = Literal["rename", "fail"]


class OneOrManyParams(ActorParams, total=False):
    """files.trash, files.restore: ``file_id``, or ``file_ids``."""

    file_id: str
    file_ids: list[str]


class MoveFileParams(OneOrManyParams, total=False):
    """files.move: a ``path`` for one file, or a ``folder``."""

    path: str
    folder: str
    on_conflict: OnConflict


class BulkItem(TypedDict):
    """A file of files.bulk, and what the action needs for it."""

    file_id: str
    path: NotRequired[str]
    folder: NotRequired[str]
    name: NotRequired[str]
    tags: NotRequired[list[str]]
    access: NotRequired[str]


class BulkParams(ActorParams, total=False):
    """files.bulk."""

    action: Required[Literal["move", "rename", "trash", "restore", "tag", "access"]]
    items: Required[list[BulkItem]]
    on_conflict: OnConflict
    request_id: str | None


class EmptyTrashParams(OwnerParams, total=False):
    """files.empty_trash."""

    request_id: str | None


class CreateParams(OwnerParams, total=False):
    """folders.create."""

    path: Required[str]


class ListParams(OwnerPageParams, total=False):
    """folders.list."""

    path: str


class MoveParams(OwnerParams, total=False):
    """folders.move."""

    path: Required[str]
    to: Required[str]
    on_conflict: Literal["rename", "merge", "fail"]
    request_id: str | None


class RemoveParams(OwnerParams, total=False):
    """folders.remove."""

    path: Required[str]
    request_id: str | None


class RestoreParams(RemoveParams, total=False):
    """folders.restore."""

    trashed_at: Required[int]


class TrashedParams(OwnerParams, total=False):
    """folders.trashed, jobs.list."""

    limit: int


class JobParams(ActorParams, total=False):
    """jobs.info, jobs.cancel."""

    job_id: Required[str]
