"""Parameters of the calls about versions, for type checkers; docs/versions.md lists the defaults."""

from __future__ import annotations

from typing import Required

from files_service.client.parameters import DownloadParams as FileDownloadParams
from files_service.client.parameters import FileParams


class VersionParams(FileParams, total=False):
    """versions.restore, versions.remove."""

    version_id: Required[str]


class LabelParams(VersionParams, total=False):
    """versions.label."""

    label: Required[str | None]


class DownloadParams(VersionParams, FileDownloadParams, total=False):
    """versions.download."""
