"""Quotas of owners and tenants, and free space.

1. A file counts with its declared size from its declaration on, in the trash too, and with its versions. Uploads
   without a file are counted here: those without a declared size by their stored bytes, partial ones by their size. A
   partial upload that was joined into a file is spent: its bytes count with the file, and it is kept only for a client
   that lost the answer.
2. A declaration is checked before and after it is written, and removed when it exceeds the quota. So concurrent
   declarations never exceed the quota; when only some of them fit, all may be rejected. This needs counters that
   include every earlier write, which all stores have. No store has those of a tenant: ``accounts.ledger`` keeps them.
3. The bytes of an upload without a declared size are checked, and charged to the tenant, before each chunk is stored;
   bytes that wait for a checksum together before they count.
4. Concurrent checks that are not repeated can exceed the quota: by fewer chunks than a gateway stores at once
   (``writer.IN_FLIGHT``) in each process; by a body with a checksum for an upload without a size; and by the growth of
   an upload whose size is declared after its beginning.
5. Deleted and refused bytes count until they are gone (``quarantine``).
6. The number of uploads and the free space are only checked before the write: concurrent uploads do not see each other,
   and no disk space is reserved for declared bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import SPENT
from files_service.domain.quotas import Quotas
from files_service.errors import FilesError, InsufficientStorage, TooLarge
from files_service.services.accounts.ledger import (
    Charge,
    charge,
    confirm,
    over_tenant_quota,
    require_room_of_tenant,
    room_of_tenant,
)
from files_service.services.accounts.quotas import quotas_of
from files_service.services.files import require
from files_service.services.quarantine import held_bytes
from storage_adapters import SupportsFreeSpace, SupportsUploads, Upload

PARTIAL = "partial"
_ENDED_AT_ONCE = 8


def uploads_of(core: Core) -> SupportsUploads:
    """Return the store of uploads. Raises NotSupported."""
    return require(core.metadata, SupportsUploads)


def is_partial(upload: Upload) -> bool:
    """Return True for an upload that gets no file of its own."""
    return bool(upload.details.get(PARTIAL))


def require_place(core: Core, owner: str) -> None:
    """Raise InsufficientStorage when the owner has too many open uploads; delete old spent ones."""
    limit = core.settings.owner_uploads
    uploads = _open_uploads(core, owner)
    spent = [each for each in uploads if _is_spent(each)]
    if len(uploads) - len(spent) >= limit:
        message = "the owner has too many unfinished uploads"
        raise InsufficientStorage(message, {"field": "uploads", "limit": limit})
    spent.sort(key=lambda each: each.created_at)
    for each in spent[: min(_ENDED_AT_ONCE, max(0, len(spent) - limit))]:
        uploads_of(core).delete_upload(each.upload_id, now=core.clock())


def require_room(
    core: Core, owner: str, size: int, *, more: int | None = None, but: Collection[Upload] = ()
) -> Charge | None:
    """Raise InsufficientStorage when an upload of this size exceeds a quota or the free space.

    ``more`` bytes of it are still to be written, by default all; ``but`` are uploads whose bytes the size includes.
    Returns what it charges to the quota of the tenant, for ``require_still_room``.
    """
    quotas = quotas_of(core, owner)
    _require_quota(core, owner, quotas, size, {each.upload_id for each in but})
    require_space(core, size if more is None else more)
    return charge(core, quotas, max(0, size - sum(map(_counted, but))), partial(_used, core))


def check_room(core: Core, owner: str, size: int) -> None:
    """Raise InsufficientStorage when an upload of this size would exceed a quota or the free space."""
    quotas = quotas_of(core, owner)
    _require_quota(core, owner, quotas, size, ())
    require_space(core, size)
    require_room_of_tenant(core, quotas, size, partial(_used, core))


def require_still_room(core: Core, owner: str, charged: Charge | None, take_back: Callable[[], object]) -> None:
    """Undo the last declaration and raise InsufficientStorage when it exceeds a quota (rule 2)."""
    try:
        _require_quota(core, owner, quotas_of(core, owner), 0, ())
        confirm(core, charged, partial(_used, core))
    except InsufficientStorage:
        take_back()
        raise


def charge_growth(core: Core, upload: Upload, size: int) -> None:
    """Charge bytes of an upload without a size to the quota of the tenant. Raises InsufficientStorage."""
    charge(core, quotas_of(core, upload.owner), size, partial(_used, core))


def require_space(core: Core, size: int) -> None:
    """Raise InsufficientStorage when these bytes would leave too little free space in a store that reports it."""
    if isinstance(core.blobs, SupportsFreeSpace) and core.blobs.free_bytes() - size < core.settings.free_disk_bytes:
        raise _disk_full(core)


def room_for_more(core: Core, upload: Upload) -> tuple[int, FilesError]:
    """Return the number of bytes that the upload may still take, and the error for a longer body."""
    settings = core.settings
    if upload.size is not None:
        found: list[tuple[int, FilesError]] = [(upload.size - upload.received, _too_large("size", upload.size))]
    else:
        limit = min(settings.max_part_bytes, settings.max_file_bytes)
        found = [(limit - upload.received, _too_large("size", limit))]
        quotas = quotas_of(core, upload.owner)
        if quotas.owner:
            found.append((quotas.owner - _used(core, upload.owner), _over_quota(quotas.owner)))
        if quotas.of_tenant:
            found.append((room_of_tenant(core, quotas), over_tenant_quota(quotas.of_tenant)))
    if isinstance(core.blobs, SupportsFreeSpace):
        found.append((core.blobs.free_bytes() - settings.free_disk_bytes, _disk_full(core)))
    room, error = min(found, key=lambda each: each[0])
    return max(0, room), error


def require_room_for_more(core: Core, upload: Upload, size: int, *, end: int = 0) -> tuple[int, FilesError]:
    """Check that the upload may take ``size`` more bytes, which end at ``end``; return the ``room_for_more``.

    Raises TooLarge or InsufficientStorage.
    """
    limit = min(core.settings.max_part_bytes, core.settings.max_file_bytes)
    if upload.size is None and end > limit:
        raise _too_large("offset", limit)
    if upload.size is None:
        require_room_of_tenant(core, quotas_of(core, upload.owner), size, partial(_used, core))
    room, error = room_for_more(core, upload)
    # Repeated bytes need no room: with a known size, only the disk can be too small.
    if size > room and not (upload.size is not None and isinstance(error, TooLarge)):
        raise error
    return room, error


def _require_quota(core: Core, owner: str, quotas: Quotas, size: int, but: Collection[str]) -> None:
    if quotas.owner and _used(core, owner, but) + size > quotas.owner:
        raise _over_quota(quotas.owner)


def _used(core: Core, owner: str, but: Collection[str] = ()) -> int:
    counted = core.metadata.usage(owner).bytes
    if isinstance(core.metadata, SupportsUploads):
        loose = [each for each in _open_uploads(core, owner) if each.size is None or is_partial(each)]
        ours = [each for each in loose if each.upload_id not in but and not _is_spent(each)]
        counted += sum(map(_counted, ours))
    # Last: a deletion is counted there before it is missing here.
    return counted + held_bytes(core, owner)


def _counted(upload: Upload) -> int:
    return upload.size or upload.received


def _open_uploads(core: Core, owner: str) -> list[Upload]:
    return uploads_of(core).open_uploads(owner, limit=2 * core.settings.owner_uploads + 1)


def _is_spent(upload: Upload) -> bool:
    return bool(upload.details.get(SPENT))


def _too_large(field: str, limit: int) -> FilesError:
    return TooLarge("the file is too large", {"field": field, "limit": limit})


def _over_quota(quota: int) -> FilesError:
    return InsufficientStorage("the owner's quota is used up", {"quota": "owner", **_at("quota", quota)})


def _disk_full(core: Core) -> FilesError:
    return InsufficientStorage("there is not enough free space", _at("disk", core.settings.free_disk_bytes))


def _at(field: str, limit: int) -> dict[str, Any]:
    return {"field": field, "limit": limit}
