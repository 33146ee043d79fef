"""Concatenation of partial uploads: the new upload refers to the same chunks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from files_service.core import Core
from files_service.domain.chunking import JOINED_FROM, JOINED_INTO, SPENT
from files_service.errors import BadRequest, FilesError, Gone, NotFound, TooLarge, storage_errors_as_files_errors
from files_service.services.content import chunks_of
from files_service.services.content_copy import copy_chunk
from files_service.services.uploads.quota import is_partial, uploads_of
from files_service.services.uploads.session import Beginning, begin, declare_size, find_upload
from storage_adapters import Chunk, Upload

# A client that lost the answer repeats its request; more would multiply the bytes to verify without sending any.
MAX_JOINS = 3
_NAMED_AT_ONCE = 200


def begin_joined(core: Core, beginning: Beginning, upload_ids: Sequence[str], actor: str | None) -> Upload:
    """Begin an upload that joins partial ones, complete or not, each once. Raises BadRequest, NotFound, TooLarge.

    A partial upload is joined into at most ``MAX_JOINS`` uploads.
    """
    if len(set(upload_ids)) != len(upload_ids):
        raise BadRequest("a partial upload is named twice", {"field": "Upload-Concat"})
    partials = [find_upload(core, upload_id, actor) for upload_id in upload_ids]
    if not all(is_partial(each) and each.owner == beginning.owner for each in partials):
        raise BadRequest("only partial uploads of the same owner can be joined", {"field": "Upload-Concat"})
    if any(len(each.details.get(JOINED_INTO, ())) >= MAX_JOINS for each in partials):
        message = f"a partial upload can be joined {MAX_JOINS} times"
        raise BadRequest(message, {"field": "Upload-Concat", "limit": MAX_JOINS})
    known = sum(each.size or 0 for each in partials)
    if beginning.size is not None and (None in [each.size for each in partials] or beginning.size != known):
        raise BadRequest("the length is not that of the partial uploads together", {"field": "Upload-Length"})
    if known > min(core.settings.max_part_bytes, core.settings.max_file_bytes):
        raise TooLarge("the file is too large", {"field": "size", "limit": core.settings.max_file_bytes})
    details = {**beginning.details, JOINED_FROM: list(upload_ids)}
    joined = begin(core, replace(beginning, size=None, details=details))
    uploads = uploads_of(core)
    with storage_errors_as_files_errors():
        for upload_id in upload_ids:
            waiting = uploads.get_upload(upload_id).details.get(JOINED_INTO, [])
            uploads.annotate(upload_id, {JOINED_INTO: [*waiting, joined.upload_id]})
    return joined


def is_joined(upload: Upload) -> bool:
    """Return True when the upload joins partial ones."""
    return JOINED_FROM in upload.details


def join(core: Core, upload: Upload) -> Upload:
    """Append the chunks of the partial uploads once these are complete; continue after an interruption.

    Returns the upload after that; the caller completes it. Raises Gone when a partial upload has expired.
    """
    uploads = uploads_of(core)
    if upload.complete or not is_joined(upload):
        return upload
    try:
        partials = [find_upload(core, upload_id, None) for upload_id in upload.details[JOINED_FROM]]
    except NotFound as error:
        raise Gone("a part of the upload has expired", {"upload_id": upload.upload_id}) from error
    if not all(each.complete for each in partials):
        return _prolong(core, upload, partials)
    upload = declare_size(core, upload, sum(each.size or 0 for each in partials), of=partials)
    place = 0
    with storage_errors_as_files_errors():
        for partial in partials:
            batch: list[Chunk] = []
            for chunk in chunks_of(core, partial.upload_id):
                moved = replace(chunk, offset=place + chunk.offset)
                if moved.end > upload.contiguous and partial.domain != upload.domain:
                    # Encryption was turned on in between, or the tenant got another key.
                    copy_chunk(core, moved, upload, of=partial.domain, expires_at=upload.expires_at)
                elif moved.end > upload.contiguous:
                    batch.append(moved)
                if len(batch) >= _NAMED_AT_ONCE:
                    uploads.append_chunks(upload.upload_id, batch, expires_at=upload.expires_at)
                    batch = []
            uploads.append_chunks(upload.upload_id, batch, expires_at=upload.expires_at)
            place += partial.size or 0
        for upload_id in dict.fromkeys(upload.details[JOINED_FROM]):
            uploads.annotate(upload_id, {SPENT: True})
        return uploads.get_upload(upload.upload_id)


def length_of_joined(core: Core, upload: Upload) -> int | None:
    """Return the length of a concatenated upload, None while that of a partial one is unknown."""
    sizes = []
    with suppress(NotFound, Gone):
        sizes = [find_upload(core, upload_id, None).size for upload_id in upload.details[JOINED_FROM]]
    return sum(size or 0 for size in sizes) if sizes and None not in sizes else None


def _prolong(core: Core, upload: Upload, partials: Sequence[Upload]) -> Upload:
    """Prolong an upload for as long as its partial ones."""
    with storage_errors_as_files_errors():
        expires_at = max(each.expires_at for each in partials)
        return uploads_of(core).append_chunks(upload.upload_id, [], expires_at=expires_at)


def waiting_for(core: Core, partial: Upload) -> list[Upload]:
    """Return the incomplete uploads that join a partial one."""
    found = []
    for upload_id in partial.details.get(JOINED_INTO, ()):
        with suppress(FilesError):
            upload = find_upload(core, upload_id, None)
            if upload.sealed_at is None:
                found.append(upload)
    return found
