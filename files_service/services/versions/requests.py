"""Ids of requests that brought versions: the upload, which knew its own, is deleted when its file has the content."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace

from files_service.core import Core
from files_service.domain.uploads import same_declaration
from files_service.domain.versions import find_version
from files_service.errors import Conflict
from files_service.services.accounts import documents
from storage_adapters import FileRecord, RevisionConflict, SupportsDocuments

COLLECTION = "version_requests"
KEPT_MS = 30 * 86_400_000


def note_request(core: Core, upload: FileRecord) -> None:
    """Keep the id of the request of a version's upload, which is about to be deleted, for a month."""
    if upload.request_id is None or upload.version_of is None or not isinstance(core.metadata, SupportsDocuments):
        return
    document_id, until = _document_id(upload.version_of, upload.request_id), core.clock() + KEPT_MS
    document = documents.new_document(COLLECTION, document_id, {"upload_id": upload.file_id}, expires_at=until)
    with suppress(RevisionConflict):
        documents.put(core, document)


def file_of_request(core: Core, draft: FileRecord) -> FileRecord | None:
    """Return the file that has the version which an earlier request of this id brought, None without one.

    Raises Conflict when that request declared other bytes.
    """
    file_id, request_id = draft.version_of, draft.request_id
    if file_id is None or request_id is None or not isinstance(core.metadata, SupportsDocuments):
        return None
    document = documents.find(core, COLLECTION, _document_id(file_id, request_id))
    if document is None:
        return None
    file = core.metadata.get(file_id)
    version = find_version(file, document.body["upload_id"])
    if version is not None and not same_declaration(replace(draft, parts=version.parts), draft):
        raise Conflict("this request_id was used for another version", {"field": "request_id", "file_id": file_id})
    return file


def _document_id(file_id: str, request_id: str) -> str:
    return hashlib.sha256(f"{file_id}/{request_id}".encode()).hexdigest()
