"""Parameters of the calls about versions, for type checkers; docs/versions.md lists the defaults."""

from __future__ import annotations

from typing import Required, TypedDict


class ListParams(TypedDict, total=False):
    """versions.list."""

    actor: str | None
    file_id: Required[str]


class VersionParams(ListParams, total=False):
    """versions.restore, versions.remove."""

    version_id: Required[str]


class LabelParams(VersionParams, total=False):
    """versions.label."""

    label: Required[str | None]


class DownloadParams(VersionParams, total=False):
    """versions.download."""

    parts: list[str] | None
    attachment: bool
    expires_seconds: int
