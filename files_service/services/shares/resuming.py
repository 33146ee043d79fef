"""Uploads that a visitor of a link brings in several requests.

An upload has no size before its last byte, although the visitor names one: what is only announced takes nothing of the
quota, and no file of the owner is there before it is complete. It is the visitor's own, known by the secret of the
visit, and for everybody else there is none.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import has_expired, names_in_upload_id
from files_service.domain.shares import VISIT_MS
from files_service.errors import (
    Conflict,
    FilesError,
    Forbidden,
    Gone,
    InsufficientStorage,
    NotFound,
    TooLarge,
    storage_errors_as_files_errors,
)
from files_service.services.accounts import documents
from files_service.services.accounts.documents import hash_of
from files_service.services.shares.placing import wanted_path
from files_service.services.shares.receiving import (
    RECEIVED,
    Sender,
    address_of,
    beginning_of,
    count_received,
    full,
    give_back,
    note_received,
    room_in,
    visit_of,
)
from files_service.services.shares.share import Share
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, declare_size
from files_service.services.uploads.terminate import abandon
from storage_adapters import Document, Upload

_SHARE = "share"
# Ids of requests that began uploads of a visit, as long as a visit lasts.
REQUESTS = "share_requests"
# Unfinished uploads of one address at a link. Those of all links of an owner leave half of the owner's places free.
_OPEN_OF_ADDRESS = 20


@dataclass(frozen=True, slots=True)
class Brought:
    """An upload of a visitor: the name that was sent, its sender, and the length, None while it is not known."""

    upload: Upload
    name: str
    sender: str
    length: int | None

    @property
    def has_all(self) -> bool:
        """Presence of all bytes."""
        return self.length is not None and self.upload.contiguous >= self.length


def beginning(
    core: Core, share: Share, sender: Sender, *, name: str, length: int | None, content_type: str | None
) -> Beginning:
    """Declare an upload that later requests of the visit continue. Raises as ``beginning_of``, also for too many."""
    limit = min(core.settings.max_part_bytes, core.settings.max_file_bytes)
    if length is not None and length > limit:
        raise TooLarge("the file is too large", {"field": "size", "limit": limit})
    _require_few(core, share, sender)
    made = beginning_of(core, share, sender, name=name, size=length, content_type=content_type)
    said = {
        "share_id": share.share_id,
        "visit": visit_of(share, sender.secret),
        "address": address_of(share, sender),
        "sender": sender.name,
        "name": name,
        "length": length,
    }
    return replace(made, size=None, path=wanted_path(share, sender.name, name), details={_SHARE: said})


def begun_earlier(
    core: Core, share: Share, sender: Sender, request_id: str, *, name: str, length: int | None
) -> Brought | None:
    """Return the upload that an earlier request of this visit and id began, None without one that is still there.

    Raises Conflict when that request was about another file.
    """
    document = documents.find(core, REQUESTS, _request_name(share, sender, request_id))
    if document is None:
        return None
    try:
        brought = find_brought(core, share, sender.secret, document.body["upload_id"])
    except (NotFound, Gone):
        return None
    if (brought.name, brought.length) != (name, length):
        raise Conflict("this request_id was used for another file", {"field": "request_id"})
    return brought


def note_request(core: Core, share: Share, sender: Sender, request_id: str, upload: Upload) -> Brought:
    """Keep the id of the request that has just begun an upload; return the upload.

    Of two such requests at once one counts: both get its upload.
    """
    document_id, now = _request_name(share, sender, request_id), core.clock()
    said = _said(upload)

    def decide(before: Document | None) -> Document | None:
        if begun_earlier(core, share, sender, request_id, name=said["name"], length=said["length"]) is not None:
            return None
        draft = before or documents.new_document(REQUESTS, document_id, {})
        return replace(draft, body={"upload_id": upload.upload_id}, expires_at=now + VISIT_MS)

    kept = documents.change(core, REQUESTS, document_id, decide)
    if kept is None or kept.body["upload_id"] == upload.upload_id:
        return brought_of(upload)
    abandon(core, upload, share.owner)
    return find_brought(core, share, sender.secret, kept.body["upload_id"])


def find_brought(core: Core, share: Share, secret: str, upload_id: str) -> Brought:
    """Return an upload of this visit. Raises NotFound for every other one, and Gone when it has expired."""
    try:
        with storage_errors_as_files_errors():
            upload = uploads_of(core).get_upload(upload_id) if names_in_upload_id(upload_id) else None
    except NotFound:
        upload = None
    said = _said(upload) if upload is not None else {}
    is_ours = hmac.compare_digest(said.get("visit", ""), visit_of(share, secret)) and bool(secret)
    if upload is None or not is_ours or said["share_id"] != share.share_id:
        raise NotFound("no such upload", {"upload_id": upload_id[:100]})
    if has_expired(upload, now=core.clock()):
        raise Gone("the upload has expired", {"upload_id": upload_id})
    return brought_of(upload)


def brought_of(upload: Upload) -> Brought:
    """Return an upload with what its visitor has said of it."""
    said = _said(upload)
    return Brought(upload, said["name"], said["sender"], said["length"])


def set_length(core: Core, share: Share, brought: Brought, length: int) -> Brought:
    """Take the length of an upload that was begun without one. Raises Conflict for another one, and TooLarge."""
    if brought.length is None:
        if length < brought.upload.received:
            raise TooLarge("more bytes have arrived", {"field": "Upload-Length", "limit": length})
        require_fitting(core, share, brought.upload, length - brought.upload.received)
        said = {**_said(brought.upload), "length": length}
        with storage_errors_as_files_errors():
            return brought_of(uploads_of(core).annotate(brought.upload.upload_id, {_SHARE: said}))
    if brought.length != length:
        raise Conflict("the upload has another length", {"field": "Upload-Length", "length": brought.length})
    return brought


def require_fitting(core: Core, share: Share, upload: Upload, size: int) -> tuple[int, FilesError]:
    """Check that an upload may take ``size`` more bytes; return the most that it takes, and the error for more.

    What lies in other unfinished uploads of the link is taken already. Raises as ``room_in`` returns.
    """
    room, error = room_in(core, share, upload)
    if share.max_bytes is not None:
        others = sum(each.received for each in _open(core, share) if each.upload_id != upload.upload_id)
        left = share.max_bytes - share.received_bytes - upload.received - others
        if left < room:
            room, error = max(0, left), full("bytes")
    if size > room:
        raise error
    return room, error


def finish_brought(
    core: Core, share: Share, sender: Sender, brought: Brought, complete: Callable[[Upload], object]
) -> None:
    """Count an upload that has all bytes, and make it a file of the owner; repeating it is harmless.

    Raises Gone for a link that was closed, and InsufficientStorage above its limits: nothing is kept then.
    """
    upload, named = brought.upload, replace(sender, name=brought.sender)
    assert brought.length is not None
    if upload.sealed_at is None:
        try:
            count_received(core, share, named, upload)
            try:
                complete(declare_size(core, upload, brought.length))
            except FilesError:
                give_back(core, share, named, upload)
                raise
        except InsufficientStorage:
            abandon(core, upload, share.owner)
            raise
    file_id, _ = names_in_upload_id(upload.upload_id) or ("", "")
    with storage_errors_as_files_errors():
        if documents.find(core, RECEIVED, file_id) is None:
            note_received(core, share, named, core.metadata.get(file_id), brought.name)


def give_up(core: Core, share: Share, brought: Brought) -> None:
    """Delete an unfinished upload. Raises Forbidden for a file, which is the owner's."""
    if brought.upload.sealed_at is not None:
        raise Forbidden("the file has arrived: its owner has it")
    abandon(core, brought.upload, share.owner)


def _request_name(share: Share, sender: Sender, request_id: str) -> str:
    return hash_of(f"{visit_of(share, sender.secret)} {request_id}")


def _require_few(core: Core, share: Share, sender: Sender) -> None:
    uploads = [each for each in _uploads(core, share.owner) if _said(each)]
    address = address_of(share, sender)
    mine = sum(_said(each)["address"] == address for each in uploads)
    if mine >= _OPEN_OF_ADDRESS:
        raise full("address")
    if len(uploads) >= max(1, core.settings.owner_uploads // 2):
        raise full("bytes")


def _open(core: Core, share: Share) -> list[Upload]:
    return [each for each in _uploads(core, share.owner) if _said(each).get("share_id") == share.share_id]


def _uploads(core: Core, owner: str) -> list[Upload]:
    with storage_errors_as_files_errors():
        return uploads_of(core).open_uploads(owner, limit=2 * core.settings.owner_uploads + 1)


def _said(upload: Upload) -> Mapping[str, Any]:
    said: Mapping[str, Any] = upload.details.get(_SHARE, {})
    return said
