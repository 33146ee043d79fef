"""Clones of files, whose bytes are copied inside the blob store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from files_service.core import Core
from files_service.domain.editing import edit
from files_service.domain.uploads import part_key, receive_part
from files_service.errors import BytesLost
from files_service.services.content_copy import copy
from files_service.services.content_types import require_allowed_changes
from files_service.services.editing import require_fitting_meta, require_sharing
from files_service.services.files import (
    change,
    readable,
    require,
    require_acts_for,
    require_finished,
    require_not_trashed,
)
from files_service.services.scrub.marks import require_kept
from files_service.services.uploads.creation import save_if_room
from storage_adapters import Access, BlobExists, BlobInfo, BlobNotFound, FileRecord, Part, SupportsCopy


def clone(
    core: Core,
    file_id: str,
    owner: str,
    *,
    actor: str | None,
    changes: Mapping[str, Any] | None,
    request_id: str | None,
) -> FileRecord:
    """Make a private file of the same bytes for an owner, with ``changes`` applied as by ``editing.update``.

    Without a request id, a repeated call with the same arguments returns the same clone. Raises Forbidden,
    WrongStatus, UnsupportedType, NotSupported, InsufficientStorage.
    """
    require_sharing(changes or {}, actor)
    source = readable(core, file_id, actor)
    require_acts_for(owner, actor)
    require_not_trashed(source)
    require_finished(source)
    for part in source.parts:
        require_kept(source, part)
    require_allowed_changes(changes, "changes", core)
    require(core.blobs, SupportsCopy)
    draft = _draft(core, source, owner, request_id or _request_id(file_id, owner, changes))
    record = save_if_room(require_fitting_meta(edit(draft, changes or {})), core)
    for original, part in zip(source.parts, record.parts, strict=True):
        if part.received_at is None:
            info = _copy(original, part, record.owner, core)
            receive = partial(receive_part, part=part, info=info, now=core.clock())
            record = change(core, record.file_id, receive, loaded=record)
    return record


def _draft(core: Core, source: FileRecord, owner: str, request_id: str) -> FileRecord:
    """Make the clone as a pending file, which the sweeper deletes after a crash."""
    now, file_id = core.clock(), core.new_id()
    parts = tuple(
        replace(part, key=part_key(owner, file_id, part.part_id), received_at=None, generation=None)
        for part in source.parts
    )
    return FileRecord(
        file_id=file_id,
        owner=owner,
        name=source.name,
        created_at=now,
        parts=parts,
        size=source.size,
        content_type=source.content_type,
        access=Access.PRIVATE,
        tags=source.tags,
        meta=source.meta,
        upload_expires_at=now + core.settings.upload_ttl_seconds * 1000,
        urls_expire_at=0,
        request_id=request_id,
        parent_id=source.file_id,
    )


def _request_id(file_id: str, owner: str, changes: Mapping[str, Any] | None) -> str:
    """Derive a request id from the arguments, so that a repeated call finds the first clone."""
    said = json.dumps([file_id, owner, changes], sort_keys=True)
    return f"clone:{hashlib.sha256(said.encode()).hexdigest()}"


def _copy(original: Part, part: Part, owner: str, core: Core) -> BlobInfo:
    try:
        return copy(core, original, part, owner=owner)
    except BlobExists as error:
        return error.info
    except BlobNotFound as error:
        raise BytesLost(f"bytes of part {original.part_id} are lost", {"part_id": original.part_id}) from error
