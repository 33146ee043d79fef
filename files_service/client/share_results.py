"""Results of calls about shares, for type checkers. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Required, TypedDict


class Share(TypedDict):
    """A share, as its owner sees it."""

    share_id: str
    key: str
    url: str
    owner: str
    tenant: str
    kind: str
    items: list[str]
    versions: dict[str, str]
    path: str | None
    label: str
    title: str
    message: str
    has_password: bool
    starts_at: int | None
    expires_at: int | None
    max_downloads: int | None
    used: int
    allow_download: bool
    show_metadata: bool
    notify: bool
    require_name: bool
    max_files: int | None
    max_bytes: int | None
    max_files_per_address: int | None
    received_files: int
    received_bytes: int
    state: str
    created_at: int


class ShareInfo(Share):
    """A share, and those of its items that the link does not show any more."""

    closed_items: list[str]


class SharePage(TypedDict):
    """shares.list."""

    shares: list[Share]
    next_cursor: str | None


class Policy(TypedDict):
    """shares.policy, shares.set_policy."""

    tenant: str
    require_password: bool
    default_days: int | None
    max_days: int | None
    kept_versions: int | None
    kept_versions_days: int | None


class ShareEvent(TypedDict, total=False):
    """An act of a visitor: opened, unlocked, wrong_password, downloaded or uploaded."""

    event: Required[str]
    at: Required[int]
    network: Required[str | None]
    file_id: str
    sender: str
    size: int


class ShareEvents(TypedDict):
    """shares.events."""

    events: list[ShareEvent]
