"""Every address and method, tried with a key of each scope: the table of what opens what."""

from __future__ import annotations

import re

import pytest

from files_service.api import METHODS
from files_service.domain.scopes import SCOPES, SESSION, scope_of_method
from files_service.gateway.app import DOORS
from files_service.gateway.auth.callers import nobody
from tests.gateway.serving import Served
from tests.people.persons import JSON_TYPE, appoint, key_of

READ, WRITE, DELETE = "files:read", "files:write", "files:delete"
# What each address needs. A new one without a row here fails the test.
NEEDED: dict[str, str] = {
    "GET /api/events": READ,
    "GET /api/auth/me": READ,
    "DELETE /api/auth/me": SESSION,
    "POST /api/auth/logout": SESSION,
    "GET /api/auth/sessions": SESSION,
    "DELETE /api/auth/sessions": SESSION,
    "DELETE /api/auth/sessions/{session_id}": SESSION,
    "GET /api/auth/keys": SESSION,
    "POST /api/auth/keys": SESSION,
    "DELETE /api/auth/keys/{key_id}": SESSION,
    "POST /api/auth/totp": SESSION,
    "DELETE /api/auth/totp": SESSION,
    "GET /api/export": SESSION,
    "GET /api/invites": "admin",
    "POST /api/invites": "admin",
    "DELETE /api/invites/{invite_id}": "admin",
    "DELETE /api/accounts/{owner}": "admin",
    "PUT /api/accounts/{owner}/quota": "admin",
    "PUT /api/tenants/{tenant}/quota": "admin",
    "POST /api/files/upload": WRITE,
    "POST /upload": WRITE,
    "POST /file": WRITE,
    "POST /file/{file_id}": WRITE,
    "GET /file/{file_id}": READ,
    "POST /ping": "admin",
    "GET /active-nodes": "admin",
    "GET /layout": "admin",
    "GET /api/files": READ,
    "GET /api/files/{file_id}": READ,
    "DELETE /api/files/{file_id}": DELETE,
    "GET /api/files/{file_id}/download": READ,
    "GET /api/files/{file_id}/manifest": READ,
    "GET /api/files/{file_id}/preview/{kind}": READ,
    "PUT /api/files/{file_id}/access": "shares",
    "PUT /api/files/{file_id}/metadata": WRITE,
    "GET /api/files/{file_id}/versions": READ,
    "POST /api/files/{file_id}/version": WRITE,
    "PUT /api/files/{file_id}/version/{version_id}": WRITE,
    "DELETE /api/files/{file_id}/version/{version_id}": DELETE,
    "GET /api/files/{file_id}/version/{version_id}/download": READ,
    "GET /api/files/search": READ,
    "GET /api/timeline": READ,
    "GET /api/analytics/storage": "analytics",
    "GET /api/analytics/file-types": "analytics",
    "POST /api/files/bulk": SESSION,
    "POST /api/files/{file_id}/move": WRITE,
    "POST /api/files/{file_id}/restore": WRITE,
    "GET /api/folders": READ,
    "PATCH /api/folders": WRITE,
    "DELETE /api/folders": DELETE,
    "POST /api/folders/create": WRITE,
    "POST /api/folders/move": WRITE,
    "GET /api/trash": READ,
    "DELETE /api/trash": DELETE,
    "POST /api/trash/restore": WRITE,
    "GET /api/jobs": READ,
    "GET /api/jobs/{job_id}": READ,
    "DELETE /api/jobs/{job_id}": WRITE,
    "POST /api/cards": WRITE,
    "GET /api/cards": READ,
    "GET /api/notifications": SESSION,
    "POST /api/notifications/read": SESSION,
    "GET /api/notice-channels": SESSION,
    "PUT /api/notice-channels/{name}": SESSION,
    "DELETE /api/notice-channels/{name}": SESSION,
    "POST /api/notice-channels/{name}/test": SESSION,
    "PUT /api/cards/{card_id}": WRITE,
    "POST /api/cards/{card_id}/sessions": WRITE,
    "GET /api/card-sessions": READ,
    "GET /api/card-sessions/{session_id}": READ,
    "GET /api/card-sessions/{session_id}/receipt": READ,
    "GET /api/card-sessions/{session_id}/mhl": READ,
    "POST /api/card-sessions/{session_id}": WRITE,
    "GET /api/card-sessions/{session_id}/files": READ,
    "POST /api/card-sessions/{session_id}/files": WRITE,
    "POST /api/card-sessions/{session_id}/verify": WRITE,
    "POST /api/files/known": READ,
    "GET /api/shares": "shares",
    "POST /api/shares": "shares",
    "GET /api/shares/{share_id}": "shares",
    "GET /api/shares/{share_id}/events": "shares",
    "PATCH /api/shares/{share_id}": "shares",
    "DELETE /api/shares/{share_id}": "shares",
    "POST /api/archives": READ,
    "GET /api/archives/{archive_id}": READ,
    "GET /api/share-policy": "shares",
    "PATCH /api/share-policy": "admin",
    "POST /tus/": WRITE,
    "POST /tus": WRITE,
    "HEAD /tus/{upload_id}": WRITE,
    "PATCH /tus/{upload_id}": WRITE,
    "DELETE /tus/{upload_id}": WRITE,
    "POST /tus/{upload_id}": WRITE,
}
METHODS_NEEDED: dict[str, str] = {
    **dict.fromkeys(("info", "data", "head", "download", "archive", "list", "timeline"), READ),
    **dict.fromkeys(("count", "manifest", "known"), READ),
    **dict.fromkeys(("upload", "finish", "process", "update", "clone", "sync"), WRITE),
    **dict.fromkeys(("tag.add", "tag.remove", "tag.sync"), WRITE),
    **dict.fromkeys(("access", "tag.access"), "shares"),
    **dict.fromkeys(("move", "restore"), WRITE),
    **dict.fromkeys(("remove", "trash", "empty_trash"), DELETE),
    "bulk": SESSION,
    "report": "analytics",
}
PEOPLE_NEEDED: dict[str, str] = {
    "identify": READ,
    **dict.fromkeys(("logout", "set_password", "list_sessions", "end_session", "end_sessions"), SESSION),
    **dict.fromkeys(("create_key", "list_keys", "revoke_key", "begin_totp", "confirm_totp", "remove_totp"), SESSION),
    **dict.fromkeys(("export", "delete_me"), SESSION),
    **dict.fromkeys(("register", "login", "create", "list", "info", "update", "delete", "reset"), "admin"),
    **dict.fromkeys(("create_invite", "list_invites", "revoke_invite"), "admin"),
    **dict.fromkeys(("create_tenant", "list_tenants", "set_quota", "set_tenant_quota"), "admin"),
}
SHARES_NEEDED = {
    **dict.fromkeys(("create", "list", "info", "events", "update", "revoke", "policy"), "shares"),
    "set_policy": "admin",
}
ANALYTICS_NEEDED = dict.fromkeys(("storage", "file_types"), "analytics")
FOLDERS_NEEDED: dict[str, str] = {
    **dict.fromkeys(("list", "trashed"), READ),
    **dict.fromkeys(("create", "move", "restore"), WRITE),
    "remove": DELETE,
}
JOBS_NEEDED = {"info": READ, "list": READ, "cancel": WRITE}
VERSIONS_NEEDED = {
    **dict.fromkeys(("list", "download"), READ),
    **dict.fromkeys(("restore", "label"), WRITE),
    "remove": DELETE,
}
CARDS_NEEDED = {
    **dict.fromkeys(("list", "session", "sessions", "files", "receipt", "manifest"), READ),
    **dict.fromkeys(("inserted", "permit", "begin", "add", "progress", "verify"), WRITE),
}
NEEDED_BY = {
    "files": METHODS_NEEDED,
    "accounts": PEOPLE_NEEDED,
    "shares": SHARES_NEEDED,
    "folders": FOLDERS_NEEDED,
    "jobs": JOBS_NEEDED,
    "analytics": ANALYTICS_NEEDED,
    "versions": VERSIONS_NEEDED,
    "cards": CARDS_NEEDED,
    "notices": dict.fromkeys(("list", "read", "channels", "set_channel", "remove_channel", "test_channel"), SESSION),
}
REFUSED = b"does not have the scope"


def test_every_address_and_method_has_a_row() -> None:
    routed = {
        f"{route.method} {re.sub(r':[^}]+', '', route.path)}"
        for door in DOORS
        if door.authenticate is not nobody and door.name != "rpc"
        for route in door.routes
        if route.method != "OPTIONS"
    }
    assert routed == set(NEEDED)
    assert {f"{prefix}.{name}" for prefix, table in NEEDED_BY.items() for name in table} == set(METHODS)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_is_refused_wherever_its_scope_is_not_the_needed_one(served: Served, scope: str) -> None:
    key = key_of(appoint(served, "root", "operator"), scope)
    wrong = []
    for address, needed in NEEDED.items():
        if address == "GET /api/events" and scope == needed:
            # It would stay open; the tests of sessions read from it.
            continue
        method, path = address.split()
        reply = key.request(method, re.sub(r"\{\w+\}", "01ARZ3NDEKTSV4RRFFQ69G5FAV", path), b"{}", JSON_TYPE)
        refused = reply.status == 403 and (method == "HEAD" or REFUSED in reply.body)
        wrong += [address] if refused != (scope != needed) else []
    for prefix, table in NEEDED_BY.items():
        for name, needed in table.items():
            assert scope_of_method(f"{prefix}.{name}") == needed
            reply = key.call(f"{prefix}.{name}")
            refused = reply.status == 403 and REFUSED in reply.body
            wrong += [f"{prefix}.{name}"] if refused != (scope != needed) else []
    assert wrong == []
