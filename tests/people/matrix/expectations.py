"""The table of permissions: for every route and every method, who may. A new one without a row fails the test.

``cells`` makes a request of each row for each caller and state of a file; ``test_matrix`` compares. The scope that an
API key needs is in ``tests.people.test_scopes``.
"""

from __future__ import annotations

from enum import Enum, unique


@unique
class May(Enum):
    """Those who may, of the callers of the matrix."""

    # Rows about one file. Whoever may not: 403 in its tenant, else as if there were no such file.
    READERS = "the owner, an admin of its tenant, trusted systems; and whom the access of the file lets read"
    SELECTORS = "as READERS; whoever may not read a file: it does not exist"
    CHANGERS = "the owner, an admin of its tenant, trusted systems"
    # Rows about an upload or a share: for all others there is none.
    HOLDERS = "the owner, an admin of its tenant, trusted systems; for all others it does not exist"
    # Rows that name an owner. Whoever may not: 403, whether or not there is such an owner.
    FOR_OWNER = "that owner, an admin of its tenant, trusted systems"
    MAKERS = "the owner that made it, trusted systems; for all others it does not exist"
    LISTERS = "everybody with a token; others than CHANGERS see the public files alone"
    # Rows about the caller itself.
    ONESELF = "owners, for themselves: nothing of anybody else is in it"
    SESSIONS = "people who are signed in, for themselves; no key, no JWT, no system"
    # Rows about people: an admin manages its tenant, for which other tenants do not exist.
    MANAGERS = "an admin of the tenant, operators, trusted systems"
    PERSONS = "an admin of the tenant and operators who are signed in, trusted systems; no key"
    MEMBERS = "people of the tenant, operators, trusted systems; for all others it does not exist"
    OPERATORS = "operators, trusted systems"
    SYSTEMS = "trusted systems"
    # Rows without a caller.
    SIGNED = "holders of a signed URL; without one everybody reads public files, and nobody writes"
    LINK = "holders of the link: see LINKS"
    ANYBODY = "everybody: nothing of any owner is in it"
    FORM = "everybody, by a form of this site"
    SENDERS = "senders of notifications, by a token of their own"


R, C, H = May.READERS, May.CHANGERS, May.HOLDERS

ROUTES: dict[str, May] = {
    "GET /api/files/{file_id}": R,
    "GET /api/files/{file_id}/download": R,
    "GET /api/files/{file_id}/manifest": R,
    "GET /api/files/{file_id}/preview/{kind}": R,
    "GET /download/{file_id}": R,
    "GET /file/{file_id}": R,
    "DELETE /api/files/{file_id}": C,
    "PUT /api/files/{file_id}/access": C,
    "PUT /api/files/{file_id}/metadata": C,
    "POST /api/files/{file_id}/move": C,
    "POST /api/files/{file_id}/restore": C,
    "POST /api/trash/restore": C,
    "GET /api/files/{file_id}/versions": C,
    "PUT /api/files/{file_id}/version/{version_id}": C,
    "DELETE /api/files/{file_id}/version/{version_id}": C,
    "GET /api/files/{file_id}/version/{version_id}/download": C,
    "HEAD /tus/{upload_id}": H,
    "PATCH /tus/{upload_id}": H,
    "DELETE /tus/{upload_id}": H,
    "POST /tus/{upload_id}": H,
    "GET /ws/upload": H,
    "GET /api/shares/{share_id}": H,
    "PATCH /api/shares/{share_id}": H,
    "DELETE /api/shares/{share_id}": H,
    "GET /api/shares/{share_id}/events": H,
    "GET /api/card-sessions/{session_id}": H,
    "POST /api/card-sessions/{session_id}": H,
    "GET /api/card-sessions/{session_id}/files": H,
    "POST /api/card-sessions/{session_id}/files": H,
    "POST /api/card-sessions/{session_id}/verify": H,
    "GET /api/card-sessions/{session_id}/receipt": H,
    "GET /api/card-sessions/{session_id}/mhl": H,
    "GET /api/card-sessions": May.FOR_OWNER,
    "GET /api/cards": May.FOR_OWNER,
    "GET /api/notifications": May.FOR_OWNER,
    "POST /api/notifications/read": May.FOR_OWNER,
    "GET /api/notice-channels": May.FOR_OWNER,
    "PUT /api/notice-channels/{name}": May.FOR_OWNER,
    "DELETE /api/notice-channels/{name}": May.FOR_OWNER,
    "POST /api/notice-channels/{name}/test": May.FOR_OWNER,
    "POST /api/cards": May.FOR_OWNER,
    "PUT /api/cards/{card_id}": May.FOR_OWNER,
    "POST /api/cards/{card_id}/sessions": May.FOR_OWNER,
    "POST /api/files/known": May.FOR_OWNER,
    "POST /api/archives": May.SELECTORS,
    "GET /api/archives/{archive_id}": May.MAKERS,
    "POST /api/shares": May.FOR_OWNER,
    "GET /api/shares": May.FOR_OWNER,
    "GET /api/folders": May.FOR_OWNER,
    "POST /api/folders/create": May.FOR_OWNER,
    "GET /api/trash": May.FOR_OWNER,
    "DELETE /api/trash": May.FOR_OWNER,
    "GET /api/jobs": May.FOR_OWNER,
    "GET /api/files": May.LISTERS,
    "GET /api/files/search": May.LISTERS,
    "POST /api/files/upload": May.ONESELF,
    # Strangers where a setting has an owner for them: tests.gateway.test_upload_address tries both.
    "POST /upload": May.ONESELF,
    # tests.nodes.test_controller_files tries the file of another owner.
    "POST /file": May.ONESELF,
    "POST /file/{file_id}": May.ONESELF,
    # For nodes by their signature, too: tests.nodes.test_controller_pings tries it.
    "GET /active-nodes": May.SYSTEMS,
    "GET /layout": May.SYSTEMS,
    # For the owner alone, because every upload has an owner: tests.gateway.test_versions tries others.
    "POST /api/files/{file_id}/version": May.ONESELF,
    # These name folders and jobs, of which each caller has its own: tests.people.test_places tries others.
    "POST /api/files/bulk": May.ONESELF,
    "PATCH /api/folders": May.ONESELF,
    "POST /api/folders/move": May.ONESELF,
    "DELETE /api/folders": May.ONESELF,
    "GET /api/jobs/{job_id}": May.ONESELF,
    "DELETE /api/jobs/{job_id}": May.ONESELF,
    "POST /tus/": May.ONESELF,
    "POST /tus": May.ONESELF,
    "GET /api/events": May.ONESELF,
    "GET /": May.ONESELF,
    # The pages of cards are by the cookie: tests.pages.test_cards tries others.
    "GET /cards": May.ONESELF,
    "GET /cards/{session_id}": May.ONESELF,
    "GET /photos": May.ONESELF,
    "GET /shared": May.ONESELF,
    "GET /settings": May.ONESELF,
    "GET /activity": May.ONESELF,
    "GET /versions/{file_id}": May.ONESELF,
    "GET /admin": May.ONESELF,
    "GET /admin/accounts/{owner}": May.ONESELF,
    "GET /admin/invites": May.ONESELF,
    "GET /admin/tenants": May.ONESELF,
    "GET /admin/storage": May.ONESELF,
    "GET /admin/health": May.ONESELF,
    "GET /trash": May.ONESELF,
    "POST /api/auth/logout": May.SESSIONS,
    "GET /api/auth/me": May.SESSIONS,
    "DELETE /api/auth/me": May.SESSIONS,
    "GET /api/auth/sessions": May.SESSIONS,
    "DELETE /api/auth/sessions": May.SESSIONS,
    "DELETE /api/auth/sessions/{session_id}": May.SESSIONS,
    "GET /api/auth/keys": May.SESSIONS,
    "POST /api/auth/keys": May.SESSIONS,
    "DELETE /api/auth/keys/{key_id}": May.SESSIONS,
    "POST /api/auth/totp": May.SESSIONS,
    "DELETE /api/auth/totp": May.SESSIONS,
    "GET /api/export": May.SESSIONS,
    "GET /api/invites": May.MANAGERS,
    "POST /api/invites": May.MANAGERS,
    "DELETE /api/invites/{invite_id}": May.MANAGERS,
    "DELETE /api/accounts/{owner}": May.MANAGERS,
    "PUT /api/accounts/{owner}/quota": May.MANAGERS,
    "PUT /api/tenants/{tenant}/quota": May.OPERATORS,
    "GET /api/share-policy": May.MEMBERS,
    "PATCH /api/share-policy": May.MANAGERS,
    "GET /api/timeline": May.FOR_OWNER,
    "GET /api/analytics/storage": May.FOR_OWNER,
    "GET /api/analytics/file-types": May.FOR_OWNER,
    "GET /blobs/{key}": May.SIGNED,
    "HEAD /blobs/{key}": May.SIGNED,
    "PUT /blobs/{key}": May.SIGNED,
    "GET /s/{key}": May.LINK,
    "POST /s/{key}/unlock": May.LINK,
    "POST /s/{key}/download": May.LINK,
    "POST /s/{key}/upload": May.LINK,
    "POST /s/{key}/tus/": May.LINK,
    "HEAD /s/{key}/tus/{upload_id}": May.LINK,
    "PATCH /s/{key}/tus/{upload_id}": May.LINK,
    "DELETE /s/{key}/tus/{upload_id}": May.LINK,
    "GET /s/{key}/files/{file_id}": May.LINK,
    "GET /s/{key}/zip": May.LINK,
    "GET /s/{key}/cover": May.LINK,
    "POST /s/{key}/zip": May.LINK,
    "POST /api/auth/register": May.FORM,
    "POST /api/auth/login": May.FORM,
    "POST /api/auth/password": May.FORM,
    "POST /sign-in": May.FORM,
    "POST /join": May.FORM,
    "POST /reset": May.FORM,
    "POST /sign-out": May.FORM,
    "POST /delete": May.FORM,
    "POST /restore": May.FORM,
    "POST /admin/act": May.FORM,
    "POST /webhooks/gcs/pubsub": May.SENDERS,
    "POST /webhooks/gcs/channel": May.SENDERS,
    "POST /ping": May.SENDERS,
    "POST /webhooks/s3": May.SENDERS,
    "GET /healthz": May.ANYBODY,
    "GET /readyz": May.ANYBODY,
    "GET /metrics": May.ANYBODY,
    "GET /openapi.json": May.ANYBODY,
    "GET /docs/style": May.ANYBODY,
    "GET /docs/style.css": May.ANYBODY,
    "GET /docs": May.ANYBODY,
    "GET /static/{name}": May.ANYBODY,
    "GET /sign-in": May.ANYBODY,
    "GET /join": May.ANYBODY,
    "GET /reset": May.ANYBODY,
}

METHOD_ROWS: dict[str, May] = {
    "files.info": R,
    "files.data": R,
    "files.download": R,
    "files.manifest": R,
    "files.clone": R,
    "files.archive": May.SELECTORS,
    "files.finish": C,
    "files.process": C,
    "files.update": C,
    "files.access": C,
    "files.remove": C,
    "files.move": C,
    "files.trash": C,
    "files.restore": C,
    "files.tag.add": C,
    "files.tag.remove": C,
    "files.tag.sync": C,
    "versions.list": C,
    "versions.label": C,
    "versions.restore": C,
    "versions.remove": C,
    "versions.download": C,
    "files.empty_trash": May.FOR_OWNER,
    "folders.create": May.FOR_OWNER,
    "folders.list": May.FOR_OWNER,
    "folders.trashed": May.FOR_OWNER,
    "jobs.list": May.FOR_OWNER,
    **dict.fromkeys(("folders.move", "folders.remove", "folders.restore"), May.ONESELF),
    **dict.fromkeys(("files.bulk", "jobs.info", "jobs.cancel"), May.ONESELF),
    "files.upload": May.FOR_OWNER,
    "files.head": May.FOR_OWNER,
    "files.count": May.FOR_OWNER,
    "files.timeline": May.FOR_OWNER,
    "files.report": May.FOR_OWNER,
    "files.sync": May.FOR_OWNER,
    "files.tag.access": May.FOR_OWNER,
    "files.list": May.LISTERS,
    "shares.create": May.FOR_OWNER,
    "shares.list": May.FOR_OWNER,
    "shares.info": H,
    "shares.events": H,
    "shares.update": H,
    "shares.revoke": H,
    **dict.fromkeys(
        (
            "cards.session",
            "cards.files",
            "cards.add",
            "cards.progress",
            "cards.verify",
            "cards.receipt",
            "cards.manifest",
        ),
        H,
    ),
    **dict.fromkeys(("cards.inserted", "cards.permit", "cards.list", "cards.begin", "cards.sessions"), May.FOR_OWNER),
    "files.known": May.FOR_OWNER,
    **dict.fromkeys(
        (
            "notices.list",
            "notices.read",
            "notices.channels",
            "notices.set_channel",
            "notices.remove_channel",
            "notices.test_channel",
        ),
        May.FOR_OWNER,
    ),
    "accounts.identify": May.SESSIONS,
    "accounts.logout": May.SESSIONS,
    "accounts.set_password": May.SESSIONS,
    "accounts.list_sessions": May.SESSIONS,
    "accounts.end_session": May.SESSIONS,
    "accounts.end_sessions": May.SESSIONS,
    "accounts.create_key": May.SESSIONS,
    "accounts.list_keys": May.SESSIONS,
    "accounts.revoke_key": May.SESSIONS,
    "accounts.begin_totp": May.SESSIONS,
    "accounts.confirm_totp": May.SESSIONS,
    "accounts.remove_totp": May.SESSIONS,
    "accounts.export": May.SESSIONS,
    "accounts.delete_me": May.SESSIONS,
    "accounts.list": May.MANAGERS,
    "accounts.info": May.MANAGERS,
    "accounts.create": May.MANAGERS,
    "accounts.update": May.MANAGERS,
    "accounts.delete": May.MANAGERS,
    "accounts.reset": May.PERSONS,
    "accounts.create_invite": May.MANAGERS,
    "accounts.list_invites": May.MANAGERS,
    "accounts.revoke_invite": May.MANAGERS,
    "accounts.set_quota": May.MANAGERS,
    "accounts.set_tenant_quota": May.OPERATORS,
    "shares.policy": May.MEMBERS,
    "shares.set_policy": May.MANAGERS,
    "analytics.storage": May.FOR_OWNER,
    "analytics.file_types": May.FOR_OWNER,
    "accounts.create_tenant": May.OPERATORS,
    "accounts.list_tenants": May.OPERATORS,
    "accounts.register": May.SYSTEMS,
    "accounts.login": May.SYSTEMS,
}

# What the trash closes to those who may as well; restored, it is open again.
CLOSED_IN_TRASH = {
    "files.download",
    "files.clone",
    "files.move",
    "GET /api/files/{file_id}/download",
    "POST /api/files/{file_id}/move",
}

# What each kind of link answers: its page, its password, a counted download, a plain download, a file that is brought.
LINKS: dict[str, tuple[int, int, int, int, int]] = {
    "open": (200, 303, 303, 200, 403),
    "locked": (401, 401, 401, 401, 401),
    "unlocked": (200, 401, 303, 200, 403),
    "limited": (200, 303, 303, 403, 403),
    "used up": (410, 303, 410, 410, 410),
    "view only": (200, 303, 403, 403, 403),
    "collection": (200, 303, 303, 200, 201),
    "drop": (200, 303, 404, 404, 201),
    "paused": (410, 410, 410, 410, 410),
    "not begun": (410, 410, 410, 410, 410),
    "expired": (410, 410, 410, 410, 410),
    "revoked": (410, 410, 410, 410, 410),
    "of a disabled account": (410, 410, 410, 410, 410),
    "of a file that is private again": (410, 303, 410, 410, 403),
    "of a file in the trash": (410, 303, 410, 410, 403),
    "unknown": (404, 404, 404, 404, 404),
}
