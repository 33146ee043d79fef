"""A request for each row of the table and each caller."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.people.matrix.world import ALIAS, CARD, CHANNEL, OWNER, TAG, TENANT, Caller, Target, headers_of

NOWHERE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
JSON_TYPE = {"Content-Type": "application/json"}
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
_TUS = {"Tus-Resumable": "1.0.0"}
_BYTES = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", "Content-Length": "0"}


@dataclass(frozen=True)
class Request:
    """One request, and which ids in it name the subject."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def elsewhere(self, target: Target) -> Request:
        """The same request about what never was."""
        path, body = self.path, self.body
        for known in (target.file_id, target.share_id, *target.ids.values()):
            path = path.replace(known, NOWHERE)
            body = body.replace(known.encode(), NOWHERE.encode()) if body is not None else None
        return replace(self, path=path, body=body)


Params = Callable[[Target, Caller], dict[str, Any]]


def _file(**more: Any) -> Params:
    return lambda target, _: {"file_id": target.file_id, **more}


def _version(**more: Any) -> Params:
    # The first content of a file has the id of the file.
    return lambda target, _: {"file_id": target.file_id, "version_id": target.file_id, **more}


def _share(**more: Any) -> Params:
    return lambda target, _: {"share_id": target.share_id, **more}


def _session(**more: Any) -> Params:
    return lambda target, _: {"session_id": target.ids["session_id"], **more}


def _fixed(**more: Any) -> Params:
    return lambda target, _: more


_TENANT, _PERSON = _fixed(tenant=TENANT), "dis@acme"

_BEGUN: dict[str, Any] = {"owner": OWNER, "request_id": "again", "files": 1, "bytes": 1}
_ENTRY = {"path": "DCIM/A.MP4", "size": 1, "mtime_at": 1, "status": "missing"}
_KNOWN = {"path": "DCIM/A.MP4", "size": 1, "fast_key": "0" * 16}

# The parameters of each method.
PARAMS: dict[str, Params] = {
    "files.info": _file(),
    "files.data": _file(fields=["name", "size"]),
    "files.download": _file(),
    "files.manifest": _file(),
    "files.archive": lambda target, _: {"file_ids": [target.file_id]},
    "files.clone": lambda target, caller: {"file_id": target.file_id, "owner": caller.owner or OWNER},
    "files.finish": _file(part_id="p0"),
    "files.process": _file(),
    "files.update": _file(changes={"name": "renamed"}),
    "files.access": lambda target, _: {"file_ids": [target.file_id], "access": "unlisted"},
    "files.remove": _file(),
    "files.move": _file(path="new/place"),
    "files.trash": _file(),
    "files.restore": _file(),
    "versions.list": _file(),
    "versions.label": _version(label="x"),
    "versions.restore": _version(),
    "versions.remove": _version(),
    "versions.download": _version(),
    "files.tag.add": _file(tags=["more"]),
    "files.tag.remove": _file(tags=[TAG]),
    "files.tag.sync": lambda target, _: {"file_ids": [target.file_id], "tags": ["other"]},
    "files.empty_trash": _fixed(owner=OWNER),
    "folders.create": _fixed(owner=OWNER, path="new/folder"),
    "folders.list": _fixed(owner=OWNER),
    "folders.trashed": _fixed(owner=OWNER),
    "jobs.list": _fixed(owner=OWNER),
    "files.upload": _fixed(owner=OWNER, name="new", parts=[{"size": 1}]),
    "files.head": _fixed(owner=OWNER, aliases=[ALIAS]),
    "files.count": _fixed(owner=OWNER),
    "files.timeline": _fixed(owner=OWNER, month="2026-01"),
    "files.report": _fixed(owner=OWNER),
    "files.sync": _fixed(owner=OWNER),
    "files.tag.access": _fixed(owner=OWNER, tag=TAG, access="public"),
    "files.list": _fixed(owner=OWNER, limit=100),
    "shares.create": lambda target, _: {"owner": OWNER, "items": [target.file_id]},
    "shares.list": _fixed(owner=OWNER),
    "shares.info": _share(),
    "shares.events": _share(),
    "shares.policy": _TENANT,
    "shares.set_policy": _fixed(tenant=TENANT, changes={"max_days": 90}),
    "analytics.storage": _fixed(owner=OWNER),
    "analytics.file_types": _fixed(owner=OWNER),
    "files.known": _fixed(owner=OWNER, files=[_KNOWN]),
    "cards.inserted": _fixed(owner=OWNER, card={"card_id": CARD}),
    "cards.permit": _fixed(owner=OWNER, card_id=CARD, state="allowed"),
    "cards.list": _fixed(owner=OWNER),
    "cards.sessions": _fixed(owner=OWNER),
    "cards.begin": _fixed(card_id=CARD, **_BEGUN),
    "cards.session": _session(),
    "cards.files": _session(),
    "cards.add": _session(files=[_ENTRY]),
    "cards.progress": _session(state="uploaded"),
    "cards.verify": _session(),
    "cards.receipt": _session(),
    "cards.manifest": _session(),
    "notices.list": _fixed(owner=OWNER),
    "notices.read": _fixed(owner=OWNER),
    "notices.channels": _fixed(owner=OWNER),
    "notices.set_channel": _fixed(owner=OWNER, name=CHANNEL, kinds=["safe"]),
    "notices.remove_channel": _fixed(owner=OWNER, name="another"),
    "notices.test_channel": _fixed(owner=OWNER, name=CHANNEL),
    "shares.update": _share(changes={"label": "changed"}),
    "shares.revoke": _share(),
    "accounts.list": _TENANT,
    "accounts.info": _fixed(owner=_PERSON),
    "accounts.create": _fixed(name="new", tenant=TENANT),
    "accounts.update": _fixed(owner=_PERSON, disabled=True),
    "accounts.delete": _fixed(owner=_PERSON),
    "accounts.reset": _fixed(owner="gus@acme"),
    "accounts.create_invite": _TENANT,
    "accounts.list_invites": _TENANT,
    "accounts.revoke_invite": lambda target, _: {"invite_id": target.ids["invite_id"]},
    "accounts.set_quota": _fixed(owner=_PERSON, quota_bytes=10_000_000),
    "accounts.set_tenant_quota": _fixed(tenant=TENANT, quota_bytes=1_000_000_000),
    "accounts.create_tenant": _fixed(name="third"),
    "accounts.list_tenants": _fixed(),
    "accounts.register": _fixed(name="new", password="a long password"),
    "accounts.login": _fixed(name="nobody", password="a long password"),
}

# Bodies of routes; others have none.
BODIES: dict[str, Params] = {
    "PUT /api/files/{file_id}/access": _fixed(access="unlisted"),
    "PUT /api/files/{file_id}/metadata": _fixed(tags=["more"]),
    "POST /api/files/{file_id}/move": _fixed(path="new/place"),
    "POST /api/trash/restore": _file(),
    "POST /api/cards": _fixed(owner=OWNER, card={"card_id": CARD}),
    "PUT /api/cards/{card_id}": _fixed(owner=OWNER, state="allowed"),
    "POST /api/notifications/read": _fixed(owner=OWNER),
    "PUT /api/notice-channels/{name}": _fixed(owner=OWNER, kinds=["safe"]),
    "POST /api/cards/{card_id}/sessions": _fixed(**_BEGUN),
    "POST /api/card-sessions/{session_id}": _fixed(state="uploaded"),
    "POST /api/card-sessions/{session_id}/files": _fixed(files=[_ENTRY]),
    "POST /api/files/known": _fixed(owner=OWNER, files=[_KNOWN]),
    "POST /api/archives": lambda target, _: {"file_ids": [target.file_id]},
    "PUT /api/files/{file_id}/version/{version_id}": _fixed(label="x"),
    "POST /api/folders/create": _fixed(owner=OWNER, path="new/folder"),
    "POST /api/shares": lambda target, _: {"owner": OWNER, "items": [target.file_id]},
    "PATCH /api/shares/{share_id}": _fixed(label="changed"),
    "PATCH /api/share-policy": _fixed(max_days=90),
    "PUT /api/accounts/{owner}/quota": _fixed(quota_bytes=10_000_000),
    "PUT /api/tenants/{tenant}/quota": _fixed(quota_bytes=1_000_000_000),
    "POST /api/invites": _TENANT,
    "POST /api/auth/keys": _fixed(label="x", scopes=["files:read"]),
    "POST /api/auth/totp": _fixed(),
    "DELETE /api/auth/totp": _fixed(code="0"),
}
QUERIES = {
    "GET /api/files": f"?owner={OWNER}&limit=100",
    "GET /api/files/search": f"?owner={OWNER}&limit=100&query={TAG}",
    "GET /api/shares": f"?owner={OWNER}",
    "GET /api/cards": f"?owner={OWNER}",
    "GET /api/notifications": f"?owner={OWNER}",
    "GET /api/notice-channels": f"?owner={OWNER}",
    "DELETE /api/notice-channels/{name}": f"?owner={OWNER}",
    "POST /api/notice-channels/{name}/test": f"?owner={OWNER}",
    "GET /api/card-sessions": f"?owner={OWNER}",
    "GET /api/folders": f"?owner={OWNER}",
    "GET /api/trash": f"?owner={OWNER}",
    "DELETE /api/trash": f"?owner={OWNER}",
    "GET /api/jobs": f"?owner={OWNER}",
    "GET /api/invites": f"?tenant={TENANT}",
    "GET /api/share-policy": f"?tenant={TENANT}",
    "PATCH /api/share-policy": f"?tenant={TENANT}",
    "GET /api/timeline": f"?owner={OWNER}&month=2026-01",
    "GET /api/analytics/storage": f"?owner={OWNER}",
    "GET /api/analytics/file-types": f"?owner={OWNER}",
}
HEADERS = {
    "HEAD /tus/{upload_id}": _TUS,
    "DELETE /tus/{upload_id}": _TUS,
    "PATCH /tus/{upload_id}": _TUS | _BYTES,
    "POST /tus/{upload_id}": _TUS | {"X-HTTP-Method-Override": "DELETE"},
}


def of_method(method: str, target: Target, caller: Caller) -> Request:
    """The call of a method at the RPC door."""
    body = json.dumps(PARAMS[method](target, caller)).encode()
    return Request("POST", f"/rpc/{method}", body, {**JSON_TYPE, **headers_of(caller)})


def of_route(row: str, target: Target, caller: Caller) -> Request:
    """The request of a route: with the caller's token, at a page as its cookie."""
    method, pattern = row.split()
    path = pattern.replace("{file_id}", target.file_id).replace("{share_id}", target.share_id)
    path = path.replace("{upload_id}", f"{target.file_id}-p0").replace("{key}", _key_of(target))
    path = path.replace("{version_id}", target.file_id).replace("{kind}", "poster")
    path = path.replace("{owner}", _PERSON).replace("{tenant}", TENANT)
    for name, value in target.ids.items():
        path = path.replace(f"{{{name}}}", value)
    path = path.replace("{session_id}", NOWHERE).replace("{key_id}", NOWHERE).replace("{card_id}", CARD)
    # The channel that a request removes is none that another needs.
    path = path.replace("{name}", "another" if method == "DELETE" else CHANNEL)
    headers = {**HEADERS.get(row, {}), **headers_of(caller)}
    body = json.dumps(BODIES[row](target, caller)).encode() if row in BODIES else None
    return Request(method, path + QUERIES.get(row, ""), body, headers | (JSON_TYPE if body is not None else {}))


def _key_of(target: Target) -> str:
    key: str = target.record["parts"][0]["key"]
    return key


def as_page(request: Request, caller: Caller) -> Request:
    """The request as a browser sends it: with the token in a cookie."""
    headers = {name: value for name, value in request.headers.items() if name != "Authorization"}
    cookie = {"Cookie": f"files_session={caller.token}"} if caller.token else {}
    return replace(request, headers=headers | cookie)
