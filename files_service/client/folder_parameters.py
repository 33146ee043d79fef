"""Parameters of the calls about folders, places of files and jobs, for type checkers; docs/folders.md has defaults."""

from __future__ import annotations

from typing import Literal, NotRequired, Required, TypedDict

OnConflict = Literal["rename", "fail"]


class ActorParams(TypedDict, total=False):
    """Parameters shared by all calls."""

    actor: str | None


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


class EmptyTrashParams(ActorParams, total=False):
    """files.empty_trash."""

    owner: Required[str]
    request_id: str | None


class CreateParams(ActorParams, total=False):
    """folders.create."""

    owner: Required[str]
    path: Required[str]


class ListParams(ActorParams, total=False):
    """folders.list."""

    owner: Required[str]
    path: str
    limit: int
    cursor: str | None


class MoveParams(ActorParams, total=False):
    """folders.move."""

    owner: Required[str]
    path: Required[str]
    to: Required[str]
    on_conflict: Literal["rename", "merge", "fail"]
    request_id: str | None


class RemoveParams(ActorParams, total=False):
    """folders.remove."""

    owner: Required[str]
    path: Required[str]
    request_id: str | None


class RestoreParams(RemoveParams, total=False):
    """folders.restore."""

    trashed_at: Required[int]


class TrashedParams(ActorParams, total=False):
    """folders.trashed."""

    owner: Required[str]
    limit: int


class JobParams(ActorParams, total=False):
    """jobs.info, jobs.cancel."""

    job_id: Required[str]


class JobsParams(ActorParams, total=False):
    """jobs.list."""

    owner: Required[str]
    limit: int
