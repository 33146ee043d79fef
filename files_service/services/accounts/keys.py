"""API keys: tokens of programs, which may do a part of what their owner may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from files_service.core import Core
from files_service.domain.identity import KEY_PREFIX, Identity
from files_service.domain.scopes import SCOPES
from files_service.errors import Conflict, Forbidden, NotFound, bad_request
from files_service.services.accounts import documents
from files_service.services.accounts.documents import KEYS, hash_of
from files_service.services.accounts.repeats import secret_of
from files_service.services.accounts.sessions import SEEN_MS
from storage_adapters import JSON, Document, RevisionConflict

MOST_KEYS = 100
_SHOWN = ("key_id", "label", "scopes", "folder", "created_at", "used_at")


def create_key(
    core: Core,
    identity: Identity,
    *,
    label: str,
    scopes: Sequence[str],
    folder: str | None = None,
    expires_at: int | None = None,
    request_id: str | None = None,
) -> JSON:
    """Create a key for the person, or find that of the same request; the answers alone have the key itself.

    Raises BadRequest, Forbidden, and Conflict when the earlier request made another key.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise bad_request("scopes", f"{scope}: must be one of {', '.join(SCOPES)}.")
        if not identity.may_give(scope):
            raise Forbidden("a key cannot have a permission that its owner does not have", {"scope": scope})
    if folder is not None and not _is_folder(folder):
        raise bad_request("folder", "Must be a path like trips/2026: without / at the ends, empty segments, . and ..")
    now, key = core.clock(), secret_of(core, request_id, "key", identity.account_id, prefix=KEY_PREFIX)
    asked = {"label": label, "scopes": sorted(set(scopes)), "folder": folder}
    earlier = _made_earlier(core, key, asked, expires_at)
    if earlier is not None:
        return {**_shown(earlier), "key": key}
    if expires_at is not None and expires_at <= now:
        raise bad_request("expires_at", "Must be in the future.")
    if len(list_keys(core, identity)) >= MOST_KEYS:
        raise bad_request("label", f"At most {MOST_KEYS} keys; revoke one.")
    key_id = core.new_id()
    body = {"account_id": identity.account_id, "key_id": key_id, **asked, "created_at": now, "used_at": None}
    order = f"{identity.account_id}/{key_id}"
    document = documents.new_document(KEYS, hash_of(key), body, order=order, names=(key_id,), expires_at=expires_at)
    try:
        made = documents.put(core, document)
    except RevisionConflict:
        # The same request is served twice at once.
        found = _made_earlier(core, key, asked, expires_at)
        if found is None:
            raise
        made = found
    return {**_shown(made), "key": key}


def _made_earlier(core: Core, key: str, asked: JSON, expires_at: int | None) -> Document | None:
    """Return the key that the same request made before, None without one. Raises Conflict for another one."""
    found = documents.find(core, KEYS, hash_of(key))
    if found is None or (found.expires_at == expires_at and all(found.body[name] == asked[name] for name in asked)):
        return found
    raise Conflict("this request_id was used for another key", {"field": "request_id"})


def list_keys(core: Core, identity: Identity) -> list[JSON]:
    """Return the keys of a person without the keys themselves, oldest first."""
    return [_shown(each) for each in documents.walk(core, KEYS, f"{identity.account_id}/")]


def revoke_key(core: Core, identity: Identity, key_id: str) -> None:
    """End a key. Raises NotFound for another person's."""
    document = documents.find_by_name(core, KEYS, key_id)
    if document is None or document.body["account_id"] != identity.account_id:
        raise NotFound("there is no such key", {"key_id": key_id[:100]})
    while document is not None and not documents.delete(core, document):
        document = documents.find(core, KEYS, document.document_id)
    core.identities.clear()


def _is_folder(path: str) -> bool:
    return path.isprintable() and not {"", ".", ".."} & set(path.split("/"))


def note_use(core: Core, key: Document) -> None:
    """Note that a key is in use, now and then."""
    now = core.clock()
    if now - (key.body["used_at"] or 0) < SEEN_MS:
        return
    try:
        documents.put(core, replace(key, body={**key.body, "used_at": now}))
    except RevisionConflict:
        # Another process was faster.
        return


def _shown(document: Document) -> JSON:
    return {**{name: document.body[name] for name in _SHOWN}, "expires_at": document.expires_at}
