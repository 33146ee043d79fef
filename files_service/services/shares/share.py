"""The share document: its form, its keys, and changes of it."""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from files_service.core import Core
from files_service.domain.shares import KEY, KEY_BYTES, REVOKED_MS, ShareKind, ShareState
from files_service.domain.uploads import owner_segment
from files_service.errors import Conflict, NotFound
from files_service.services.accounts import documents
from storage_adapters import JSON, Document, NameTaken

SHARES, GRANTS = "shares", "share_grants"
_KEY = re.compile(KEY)


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a share, and the access epoch in which it was shared: the link ends when the access narrows.

    With ``version_id`` the link shows this version, whatever comes later, and ends with it.
    """

    file_id: str
    access_epoch: int
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A link to files, or to those in the folder ``path``.

    ``epoch`` ends all unlocks and grants that were given before it was raised.
    """

    share_id: str
    key: str
    owner: str
    items: tuple[Item, ...]
    created_at: int
    tenant: str = ""
    kind: ShareKind = ShareKind.VIEW
    path: str | None = None
    label: str = ""
    title: str = ""
    message: str = ""
    password: str | None = None
    epoch: int = 0
    starts_at: int | None = None
    expires_at: int | None = None
    max_downloads: int | None = None
    used: int = 0
    allow_download: bool = True
    show_metadata: bool = False
    notify: bool = False
    require_name: bool = False
    max_files: int | None = None
    max_bytes: int | None = None
    max_files_per_address: int | None = None
    received_files: int = 0
    received_bytes: int = 0
    # The last uploads that were counted: one whose end is repeated is not counted again.
    counted: tuple[str, ...] = ()
    state: ShareState = ShareState.ACTIVE
    revoked_at: int | None = None
    document: Document | None = field(default=None, repr=False, compare=False)

    @property
    def is_used_up(self) -> bool:
        """State of the count: True when no download is left."""
        return self.max_downloads is not None and self.used >= self.max_downloads

    def shown(self, public_url: str) -> JSON:
        """Return what the owner sees: no hash."""
        hidden = ("items", "password", "epoch", "revoked_at")
        return {
            "share_id": self.share_id,
            **{name: getattr(self, name) for name in _FIELDS if name not in hidden},
            "kind": self.kind.value,
            "state": self.state.value,
            "items": [item.file_id for item in self.items],
            "versions": {item.file_id: item.version_id for item in self.items if item.version_id is not None},
            "has_password": self.password is not None,
            "url": self.url(public_url),
        }

    def url(self, public_url: str) -> str:
        """Return the address of the link."""
        return f"{public_url}/s/{self.key}"


_FIELDS = (
    "key",
    "owner",
    "tenant",
    "path",
    "label",
    "title",
    "message",
    "password",
    "epoch",
    "starts_at",
    "expires_at",
    "max_downloads",
    "used",
    "allow_download",
    "show_metadata",
    "notify",
    "require_name",
    "max_files",
    "max_bytes",
    "max_files_per_address",
    "received_files",
    "received_bytes",
    "revoked_at",
    "created_at",
)


def new_key() -> str:
    """Make the key of a link: 128 bits of chance."""
    return urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")


def order_of(owner: str) -> str:
    """Return the prefix under which the shares of an owner are kept: no owner's prefix begins another's."""
    return f"{owner_segment(owner)}/"


def share_of_document(document: Document) -> Share:
    """Read a stored share."""
    body: Mapping[str, Any] = document.body
    values = {name: body[name] for name in _FIELDS if name in body}
    items = tuple(Item(each["file_id"], each["access_epoch"], each.get("version_id")) for each in body["items"])
    return Share(
        share_id=document.document_id,
        items=items,
        counted=tuple(body.get("counted", ())),
        kind=ShareKind(body["kind"]),
        state=ShareState(body["state"]),
        document=document,
        **values,
    )


def add_share(core: Core, share: Share, request_id: str | None) -> Share:
    """Store a new share, or return the one that an earlier call with this id of the request has stored.

    Raises Conflict when that one is another share.
    """
    document = _document_of(share)
    if request_id is not None:
        document = replace(document, names=(*document.names, _request_name(share.owner, request_id)))
    try:
        return share_of_document(documents.put(core, document))
    except NameTaken:
        earlier = find_earlier(core, share, request_id)
        if earlier is None:
            raise
        return earlier


def find_earlier(core: Core, share: Share, request_id: str | None) -> Share | None:
    """Return the share that an earlier call with this id of the request has stored, None when there is none.

    Raises Conflict when that one lacks a file or has it by another version, or is of another folder or kind.
    """
    if request_id is None:
        return None
    stored = documents.find_by_name(core, SHARES, _request_name(share.owner, request_id))
    if stored is None:
        return None
    earlier = share_of_document(stored)
    had = {(item.file_id, item.version_id) for item in earlier.items}
    wanted = {(item.file_id, item.version_id) for item in share.items}
    if (earlier.kind, earlier.path) != (share.kind, share.path) or not wanted <= had:
        raise Conflict("the request_id belongs to another share", {"share_id": earlier.share_id})
    return earlier


def _request_name(owner: str, request_id: str) -> str:
    return f"request:{order_of(owner)}{request_id}"


def find_by_key(core: Core, key: str) -> Share:
    """Return the share of a link. Raises NotFound."""
    document = documents.find_by_name(core, SHARES, f"key:{key}") if _KEY.fullmatch(key) else None
    if document is None:
        raise NotFound("there is no such link")
    return share_of_document(document)


def find_share(core: Core, share_id: str) -> Share | None:
    """Return a share by its id, None when there is none."""
    document = documents.find(core, SHARES, share_id)
    return share_of_document(document) if document is not None else None


def change_share(core: Core, share_id: str, decide: Callable[[Share], Share]) -> Share:
    """Load, decide, save. Raises NotFound, Conflict, and the errors of ``decide``."""

    def on_document(before: Document | None) -> Document:
        if before is None:
            raise no_such_share(share_id)
        return _document_of(decide(share_of_document(before)))

    stored = documents.change(core, SHARES, share_id, on_document)
    assert stored is not None
    return share_of_document(stored)


def no_such_share(share_id: str) -> NotFound:
    """Make the error for a share that is not there, or of another owner."""
    return NotFound("there is no such share", {"share_id": share_id[:100]})


def _item_to_json(item: Item) -> JSON:
    shown = {"file_id": item.file_id, "access_epoch": item.access_epoch}
    return shown if item.version_id is None else {**shown, "version_id": item.version_id}


def _document_of(share: Share) -> Document:
    body = {name: getattr(share, name) for name in _FIELDS}
    body |= {
        "kind": share.kind.value,
        "state": share.state.value,
        "items": [_item_to_json(item) for item in share.items],
        "counted": list(share.counted),
    }
    expires_at = share.revoked_at + REVOKED_MS if share.revoked_at is not None else None
    if share.document is not None:
        return replace(share.document, body={**share.document.body, **body}, expires_at=expires_at)
    order, names = f"{order_of(share.owner)}{share.share_id}", (f"key:{share.key}",)
    return documents.new_document(SHARES, share.share_id, body, order=order, names=names, expires_at=expires_at)
