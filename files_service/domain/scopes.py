"""Scopes of API keys: what a key may do of what its owner may do."""

from __future__ import annotations

from collections.abc import Mapping

READ, WRITE, DELETE = "files:read", "files:write", "files:delete"
SHARES, ANALYTICS, ADMIN = "shares", "analytics", "admin"
SCOPES = (READ, WRITE, DELETE, SHARES, ANALYTICS, ADMIN)
# What only a person who is signed in may do: no key has this scope.
SESSION = "session"

_OF_METHODS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "files.info",
            "files.data",
            "files.head",
            "files.download",
            "files.archive",
            "files.list",
            "files.timeline",
            "files.count",
            "files.manifest",
        ),
        READ,
    ),
    **dict.fromkeys(("files.report", "analytics.storage", "analytics.file_types"), ANALYTICS),
    **dict.fromkeys(("folders.list", "folders.trashed", "jobs.info", "jobs.list"), READ),
    **dict.fromkeys(("files.remove", "files.trash", "files.empty_trash", "folders.remove"), DELETE),
    **dict.fromkeys(
        ("files.move", "files.restore", "folders.create", "folders.move", "folders.restore", "jobs.cancel"), WRITE
    ),
    **dict.fromkeys(
        (
            "files.known",
            "cards.list",
            "cards.session",
            "cards.sessions",
            "cards.files",
            "cards.receipt",
            "cards.manifest",
        ),
        READ,
    ),
    **dict.fromkeys(
        ("cards.inserted", "cards.permit", "cards.begin", "cards.add", "cards.progress", "cards.verify"), WRITE
    ),
    # They say where one is told of things: a key that leaked sends nothing elsewhere.
    **dict.fromkeys(
        (
            "notices.list",
            "notices.read",
            "notices.channels",
            "notices.set_channel",
            "notices.remove_channel",
            "notices.test_channel",
        ),
        SESSION,
    ),
    # Each of its actions; a key of one of them uses the method of its own.
    "files.bulk": SESSION,
    **dict.fromkeys(("versions.list", "versions.download"), READ),
    **dict.fromkeys(("versions.remove",), DELETE),
    **dict.fromkeys(("versions.restore", "versions.label"), WRITE),
    **dict.fromkeys(
        (
            "files.upload",
            "files.finish",
            "files.process",
            "files.update",
            "files.clone",
            "files.sync",
            "files.tag.add",
            "files.tag.remove",
            "files.tag.sync",
        ),
        WRITE,
    ),
    **dict.fromkeys(
        (
            "files.access",
            "files.tag.access",
            "shares.create",
            "shares.list",
            "shares.info",
            "shares.events",
            "shares.update",
            "shares.revoke",
            "shares.policy",
        ),
        SHARES,
    ),
    "accounts.identify": READ,
    **dict.fromkeys(
        (
            "accounts.logout",
            "accounts.set_password",
            "accounts.list_sessions",
            "accounts.end_session",
            "accounts.end_sessions",
            "accounts.create_key",
            "accounts.list_keys",
            "accounts.revoke_key",
            "accounts.begin_totp",
            "accounts.confirm_totp",
            "accounts.remove_totp",
            "accounts.export",
            "accounts.delete_me",
        ),
        SESSION,
    ),
}


def scope_of_method(method: str) -> str:
    """Return the scope that an API method needs. A method without an entry is an administrator's."""
    return _OF_METHODS.get(method, ADMIN)
