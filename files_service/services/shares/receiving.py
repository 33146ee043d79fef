"""Files that visitors bring to a share: their declaration, the limits of the link, and what each visitor has brought.

The limits count when all bytes of a file are there, in one write of the share: however many visitors send at once, no
more than the limits is taken in. A process that dies between the count and the file leaves one file less to take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.domain.shares import MAX_SENDER, VISIT_MS, ShareEvent
from files_service.errors import Conflict, FilesError, Forbidden, Gone, InsufficientStorage, bad_request
from files_service.services.accounts import documents
from files_service.services.accounts.documents import hash_of
from files_service.services.shares.activity import record_event
from files_service.services.shares.gate import Opened, require_still_open
from files_service.services.shares.share import Share, change_share
from files_service.services.uploads.quota import check_room, require_place, room_for_more
from files_service.services.uploads.session import Beginning
from storage_adapters import JSON, Document, DocumentQuery, FileRecord, Upload, category_of

RECEIVED, ADDRESSES = "share_uploads", "share_addresses"
# Rows of a visit that are shown.
SHOWN = 100
# Counted uploads that a share remembers: more than can be between their count and their end.
_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Sender:
    """A visitor who brings files: the secret of the visit, the name that was given, and the address."""

    secret: str
    address: str
    name: str = ""


def require_taking(opened: Opened) -> None:
    """Raise Forbidden for a link that only shows files."""
    if not opened.share.kind.takes_files:
        raise Forbidden("the link takes no files")


def beginning_of(
    core: Core, share: Share, sender: Sender, *, name: str, size: int | None, content_type: str | None
) -> Beginning:
    """Declare a file that a visitor brings: it becomes one of the owner of the share.

    Raises BadRequest that names ``sender``, and InsufficientStorage when the limits leave no room.
    """
    _require_name(share, sender.name)
    _require_limits(share, size or 0)
    _require_address(share, _received_from(core, share, sender))
    with quota_hidden():
        require_place(core, share.owner)
        check_room(core, share.owner, size or 0)
    given = {"share_id": share.share_id, **({"sender": sender.name} if sender.name else {})}
    # The name is all that is taken of a path: nothing that a visitor sends chooses another folder.
    plain = name.replace("\\", "/").rstrip("/").rpartition("/")[2] or "file"
    return Beginning(owner=share.owner, size=size, name=plain, content_type=content_type, meta=given)


def room_in(core: Core, share: Share, begun: Upload) -> tuple[int, FilesError]:
    """Return the most bytes that an upload may still take, and the error for more."""
    room, error = room_for_more(core, begun)
    if isinstance(error, InsufficientStorage):
        error = full("bytes")
    if share.max_bytes is not None and (left := share.max_bytes - share.received_bytes - begun.received) < room:
        room, error = left, full("bytes")
    return max(0, room), error


def count_received(core: Core, share: Share, sender: Sender, upload: Upload) -> None:
    """Count a file whose bytes are there, once. Raises Gone for a closed link, InsufficientStorage above the limits."""
    is_repeated = False

    def decide(before: Share) -> Share:
        nonlocal is_repeated
        require_still_open(core, before)
        if before.epoch != share.epoch:
            raise Gone("the link has changed")
        is_repeated = upload.upload_id in before.counted
        if is_repeated:
            return before
        _require_limits(before, upload.received)
        files, held = before.received_files + 1, before.received_bytes + upload.received
        counted = (*before.counted, upload.upload_id)[-_REMEMBERED:]
        return replace(before, received_files=files, received_bytes=held, counted=counted)

    _count_address(core, share, sender)
    try:
        change_share(core, share.share_id, decide)
    except BaseException:
        _change_address(core, share, sender, -1)
        raise
    if is_repeated:
        _change_address(core, share, sender, -1)


def give_back(core: Core, share: Share, sender: Sender, upload: Upload) -> None:
    """Take back the count of a file that could not be completed."""

    def decide(before: Share) -> Share:
        if upload.upload_id not in before.counted:
            return before
        files, held = before.received_files - 1, before.received_bytes - upload.received
        counted = tuple(each for each in before.counted if each != upload.upload_id)
        return replace(before, received_files=max(0, files), received_bytes=max(0, held), counted=counted)

    with suppress(Conflict):
        change_share(core, share.share_id, decide)
    _change_address(core, share, sender, -1)


def note_received(core: Core, share: Share, sender: Sender, record: FileRecord, name: str) -> JSON:
    """Return, and keep, what a visitor has brought, under the name that was sent, for the page of this visit alone."""
    now = core.clock()
    body = {"name": name, "size": record.size, "received_at": now}
    order = f"{visit_of(share, sender.secret)}/{record.file_id}"
    row = documents.new_document(RECEIVED, record.file_id, body, order=order, expires_at=now + VISIT_MS)
    documents.put(core, row)
    details = {"file_id": record.file_id, "sender": sender.name, "size": record.size}
    record_event(core, share, ShareEvent.UPLOADED, sender.address, **details)
    return body


def received_in_visit(core: Core, share: Share, secret: str) -> list[JSON]:
    """Return what the visitor has brought, the newest first; at most ``SHOWN``."""
    if not secret:
        return []
    prefix = f"{visit_of(share, secret)}/"
    query = DocumentQuery(collection=RECEIVED, prefix=prefix, descending=True, limit=SHOWN)
    page = documents.documents_of(core).find_documents(query, now=core.clock())
    return [{name: row.body[name] for name in ("name", "size", "received_at")} for row in page.documents]


@contextmanager
def quota_hidden() -> Iterator[None]:
    """Replace the error of a full store or quota: visitors must not learn what the owner has."""
    try:
        yield
    except InsufficientStorage as error:
        raise (error if error.details.get("field") in ("files", "address") else full("bytes")) from None


def _require_name(share: Share, name: str) -> None:
    if not name:
        if share.require_name:
            raise bad_request("sender", "Send your name.")
    elif len(name) > MAX_SENDER or any(category_of(c)[0] == "C" for c in name):
        raise bad_request("sender", f"Must be 1 to {MAX_SENDER} characters, without control characters.")


def _require_limits(share: Share, size: int) -> None:
    if share.max_files is not None and share.received_files >= share.max_files:
        raise full("files")
    if share.max_bytes is not None and share.received_bytes + size > share.max_bytes:
        raise full("bytes")


def _require_address(share: Share, received: int) -> None:
    if share.max_files_per_address is not None and received >= share.max_files_per_address:
        raise full("address")


def _count_address(core: Core, share: Share, sender: Sender) -> None:
    if share.max_files_per_address is not None:
        _change_address(core, share, sender, 1)


def _change_address(core: Core, share: Share, sender: Sender, by: int) -> None:
    """Count files of an address within a day of the first one."""
    if share.max_files_per_address is None:
        return
    document_id, now = address_of(share, sender), core.clock()

    def decide(before: Document | None) -> Document | None:
        if by > 0:
            _require_address(share, before.body["files"] if before is not None else 0)
        elif before is None:
            return None
        counted = before or documents.new_document(ADDRESSES, document_id, {"files": 0}, expires_at=now + VISIT_MS)
        return replace(counted, body={**counted.body, "files": max(0, counted.body["files"] + by)})

    documents.change(core, ADDRESSES, document_id, decide)


def _received_from(core: Core, share: Share, sender: Sender) -> int:
    if share.max_files_per_address is None:
        return 0
    document = documents.find(core, ADDRESSES, address_of(share, sender))
    return int(document.body["files"]) if document is not None else 0


def address_of(share: Share, sender: Sender) -> str:
    """Return the name of an address at a share."""
    return hash_of(f"{share.share_id} {sender.address}")


def visit_of(share: Share, secret: str) -> str:
    """Return the name of a visit, from which nobody learns its secret."""
    return hash_of(f"{share.share_id} {secret}")


def full(field: str) -> InsufficientStorage:
    """Make the error for a link that takes no more."""
    return InsufficientStorage("the link takes no more files", {"field": field})
