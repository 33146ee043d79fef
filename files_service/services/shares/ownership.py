"""Shares for their owner: made, listed, changed and revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.access import may_act_for
from files_service.domain.passwords import password_bytes
from files_service.domain.shares import MAX_ITEMS, ShareKind, ShareState
from files_service.errors import bad_request
from files_service.services.accounts import documents
from files_service.services.accounts.account import find_account
from files_service.services.accounts.policy import policy_for
from files_service.services.files import require_acts_for
from files_service.services.folders.folder import require_folder
from files_service.services.shares.activity import events_of
from files_service.services.shares.folder import clean_folder
from files_service.services.shares.items import closed_items, take_in, take_in_again
from files_service.services.shares.share import (
    SHARES,
    Item,
    Share,
    add_share,
    change_share,
    find_earlier,
    find_share,
    new_key,
    no_such_share,
    order_of,
    share_of_document,
)
from storage_adapters import JSON, DocumentPosition, DocumentQuery, FileRecord

# Given as they are stored.
_PLAIN = (
    "label",
    "title",
    "message",
    "starts_at",
    "expires_at",
    "max_downloads",
    "allow_download",
    "show_metadata",
    "notify",
    "require_name",
    "max_files",
    "max_bytes",
    "max_files_per_address",
)


def create_share(core: Core, actor: str | None, owner: str, given: Mapping[str, Any]) -> JSON:
    """Make a link to files of the owner; private ones become ``shared``. Raises BadRequest, Forbidden, NotFound."""
    require_acts_for(owner, actor)
    account, now = find_account(core, owner), core.clock()
    policy, password = policy_for(core, account), given.get("password")
    given = {"expires_at": policy.expires_at(now), **given}
    _require_times(core, given.get("starts_at"), given["expires_at"])
    policy.require(has_password=password is not None, expires_at=given["expires_at"], now=now)
    kind = given.get("kind", ShareKind.VIEW)
    given = _with_path(given)
    _require_fit(kind, given)
    if kind is ShareKind.VIEW and given.get("path"):
        require_folder(core, owner, given["path"])
    items, versions, request_id = given.get("items", ()), given.get("versions", {}), given.get("request_id")
    share = Share(
        share_id=core.new_id(),
        key=new_key(),
        owner=owner,
        kind=kind,
        path=given.get("path"),
        tenant=account.tenant if account is not None else "",
        items=tuple(Item(file_id, 0, versions.get(file_id)) for file_id in items),
        password=_hashed(core, password) if password is not None else None,
        created_at=now,
        **{name: given[name] for name in _PLAIN if name in given},
    )
    # A repetition opens no files: they may have been closed since.
    made = find_earlier(core, share, request_id)
    if made is None:
        made = add_share(core, replace(share, items=take_in(core, owner, items, versions)), request_id)
    return _shown(core, made)


def link_of_file(core: Core, actor: str | None, record: FileRecord) -> JSON:
    """Return the one link that "shared with everybody who has the link" means for a file; open it if it was closed."""
    given = {"items": [record.file_id], "request_id": f"link of {record.file_id}"}
    made = create_share(core, actor, record.owner, given)
    now = core.clock()
    changes: dict[str, Any] = {"state": ShareState.ACTIVE}
    has_ended = made["expires_at"] is not None and made["expires_at"] <= now
    if made["state"] == ShareState.ACTIVE and not made["closed_items"] and not has_ended:
        return made
    if has_ended:
        changes |= {"expires_at": policy_for(core, find_account(core, record.owner)).expires_at(now)}
    return update_share(core, actor, made["share_id"], changes)


def list_shares(core: Core, actor: str | None, owner: str, *, limit: int, after: str | None) -> JSON:
    """Return a page of an owner's shares, the newest first; ``after`` is the id behind which it begins."""
    require_acts_for(owner, actor)
    prefix = order_of(owner)
    position = DocumentPosition(f"{prefix}{after}", after) if after else None
    query = DocumentQuery(collection=SHARES, prefix=prefix, descending=True, limit=limit, after=position)
    page = documents.documents_of(core).find_documents(query, now=core.clock())
    shares = [share_of_document(each).shown(core.settings.public_url) for each in page.documents]
    following = page.next_position.document_id if page.next_position is not None else None
    return {"shares": shares, "next_cursor": following}


def share_info(core: Core, actor: str | None, share_id: str) -> JSON:
    """Return a share. Raises NotFound."""
    return _shown(core, _require_share(core, actor, share_id))


def share_events(core: Core, actor: str | None, share_id: str) -> JSON:
    """Return what visitors did with a share lately, the newest first. Raises NotFound."""
    return {"events": events_of(core, _require_share(core, actor, share_id).share_id)}


def update_share(core: Core, actor: str | None, share_id: str, changes: Mapping[str, Any]) -> JSON:
    """Change a share. A new password ends what was unlocked by the former one.

    New items, and the state ``active``, share the files anew. Raises BadRequest, NotFound.
    """
    share = _require_share(core, actor, share_id)
    changes = _with_path(changes)
    if "versions" in changes and "items" not in changes:
        raise bad_request("versions", "Send the items, too.")
    _require_fit(share.kind, {"items": [item.file_id for item in share.items], "path": share.path, **changes})
    if share.kind is ShareKind.VIEW and changes.get("path"):
        require_folder(core, share.owner, changes["path"])
    values: dict[str, Any] = {name: changes[name] for name in _PLAIN if name in changes}
    if "expires_at" in values or "starts_at" in values:
        starts_at = values.get("starts_at", share.starts_at)
        _require_times(core, starts_at, values.get("expires_at", share.expires_at))
    _require_policy(core, share, changes)
    if "path" in changes:
        values["path"] = changes["path"]
    if "items" in changes:
        values["items"] = take_in(core, share.owner, changes["items"], changes.get("versions", {}))
    elif changes.get("state") is ShareState.ACTIVE:
        values["items"] = take_in_again(core, share)
    if "state" in changes:
        values |= {"state": changes["state"], "revoked_at": None}
    if "password" in changes:
        given = changes["password"]
        values["password"] = _hashed(core, given) if given is not None else None

    def decide(before: Share) -> Share:
        return replace(before, **values, epoch=before.epoch + ("password" in values))

    return _shown(core, change_share(core, share_id, decide))


def revoke_share(core: Core, actor: str | None, share_id: str) -> JSON:
    """Close a link and end all grants; repeating the call is harmless. Raises NotFound."""
    _require_share(core, actor, share_id)
    now = core.clock()

    def decide(before: Share) -> Share:
        if before.state is ShareState.REVOKED:
            return before
        return replace(before, state=ShareState.REVOKED, revoked_at=now, epoch=before.epoch + 1)

    return _shown(core, change_share(core, share_id, decide))


def _require_share(core: Core, actor: str | None, share_id: str) -> Share:
    share = find_share(core, share_id)
    if share is None or not may_act_for(share.owner, actor):
        raise no_such_share(share_id)
    return share


def _with_path(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with a clean path; files in place of a folder, and a folder in place of files."""
    given = dict(given)
    if given.get("path") is not None:
        given = {"items": [], **given, "path": clean_folder(given["path"])}
    elif given.get("items"):
        given = {"path": None, **given}
    return given


def _require_fit(kind: ShareKind, given: Mapping[str, Any]) -> None:
    """Raise BadRequest that names a field which a share of this kind cannot have, or lacks."""
    has_items, has_path = bool(given.get("items")), given.get("path") is not None
    if not set(given.get("versions", ())) <= set(given.get("items", ())):
        raise bad_request("versions", "Must be of files in items.")
    if kind is ShareKind.DROP and given.get("max_downloads"):
        raise bad_request("max_downloads", "A drop shows no files.")
    if kind is not ShareKind.VIEW and has_items:
        raise bad_request("items", "A share that takes files has a path.")
    if kind is ShareKind.COLLECT and not has_path:
        raise bad_request("path", "Send the folder.")
    if kind is ShareKind.VIEW and has_items == has_path:
        raise bad_request("items", f"Send 1 to {MAX_ITEMS} ids, or a path.")


def _require_policy(core: Core, share: Share, changes: Mapping[str, Any]) -> None:
    """Raise BadRequest for a change that the policy of the tenant does not allow; others go through on old links."""
    if {"password", "expires_at"} & changes.keys() or changes.get("state") is ShareState.ACTIVE:
        has_password = changes["password"] is not None if "password" in changes else share.password is not None
        policy = policy_for(core, find_account(core, share.owner))
        ends = changes.get("expires_at", share.expires_at)
        policy.require(has_password=has_password, expires_at=ends, now=core.clock())


def _require_times(core: Core, starts_at: int | None, expires_at: int | None) -> None:
    if expires_at is None:
        return
    if expires_at <= core.clock():
        raise bad_request("expires_at", "Must be in the future.")
    if starts_at is not None and expires_at <= starts_at:
        raise bad_request("expires_at", "Must be after starts_at.")


def _hashed(core: Core, password: str) -> str:
    # The turns of all hashes of the process, at the cost of a share.
    with core.passwords.turn():
        return core.share_passwords.hash(password_bytes(password))


def _shown(core: Core, share: Share) -> JSON:
    return {**share.shown(core.settings.public_url), "closed_items": closed_items(core, share)}
