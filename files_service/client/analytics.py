"""Methods of analytics: one typed method per API method."""

from __future__ import annotations

from typing import TypedDict, Unpack

from files_service.client.caller import Caller
from files_service.client.parameters import ActorParams
from files_service.client.results import Counted


class FileTypesParams(ActorParams, total=False):
    """analytics.file_types."""

    owner: str | None
    tenant: str | None


class StorageParams(FileTypesParams, total=False):
    """analytics.storage."""

    days: int


class KindOfFiles(Counted):
    """Files of one kind."""

    by_access: dict[str, Counted]


class DayOfFiles(Counted):
    """The files that were made on a day and are still there."""

    day: str
    used: int
    versions: Counted
    trash: Counted
    by_access: dict[str, Counted]
    by_kind: dict[str, KindOfFiles]


class StoredBytes(TypedDict):
    """Bytes that files take, and those that deduplication saves."""

    bytes: int
    saved_bytes: int
    counted_at: int


class Storage(Counted):
    """analytics.storage; a quota of 0 is none."""

    used: int
    quota: int
    stored: StoredBytes | None
    versions: Counted
    trash: Counted
    by_access: dict[str, Counted]
    by_day: list[DayOfFiles]


class FileTypes(TypedDict):
    """analytics.file_types."""

    by_kind: dict[str, KindOfFiles]


class AnalyticsMethods(Caller):
    """Storage of an owner, a tenant or all."""

    def storage(self, **given: Unpack[StorageParams]) -> Storage:
        """Return bytes, quota, trash and versions, and what was made on each of the last days."""
        return self._call("analytics.storage", given)

    def file_types(self, **given: Unpack[FileTypesParams]) -> FileTypes:
        """Return number and bytes of files by kind."""
        return self._call("analytics.file_types", given)
