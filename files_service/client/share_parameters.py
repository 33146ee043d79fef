"""Parameters of the calls about shares, for type checkers; docs/shares.md lists the defaults."""

from __future__ import annotations

from typing import Literal, Required, TypedDict

from files_service.client.parameters import ActorParams, OwnerParams


class ShareFields(TypedDict, total=False):
    """Fields of a share that its owner sets."""

    items: list[str]
    versions: dict[str, str]
    path: str | None
    label: str
    title: str
    message: str
    password: str | None
    starts_at: int | None
    expires_at: int | None
    max_downloads: int | None
    allow_download: bool
    show_metadata: bool
    notify: bool
    require_name: bool
    max_files: int | None
    max_bytes: int | None
    max_files_per_address: int | None


class ShareChanges(ShareFields, total=False):
    """Fields of a share to set; what is absent stays."""

    state: Literal["active", "paused"]


class CreateParams(OwnerParams, ShareFields, total=False):
    """shares.create."""

    kind: Literal["view", "collect", "drop"]
    request_id: str | None


class ShareParams(ActorParams, total=False):
    """shares.info, shares.events, shares.revoke."""

    share_id: Required[str]


class UpdateParams(ShareParams, total=False):
    """shares.update."""

    changes: Required[ShareChanges]


class PolicyParams(ActorParams, total=False):
    """shares.policy."""

    tenant: str | None


class PolicyChanges(TypedDict, total=False):
    """Rules to set; what is absent stays."""

    require_password: bool
    default_days: int | None
    max_days: int | None
    kept_versions: int | None
    kept_versions_days: int | None


class SetPolicyParams(PolicyParams, total=False):
    """shares.set_policy."""

    changes: Required[PolicyChanges]
