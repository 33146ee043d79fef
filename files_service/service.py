"""The API over AMQP: nameko's services, such as ``files`` and ``files.tag``, one method per call.

All parameters are keyword arguments; docs/rpc.md describes parameters, results and errors.
"""

from __future__ import annotations

from typing import Any

from files_service.messaging.rpc.threads import keep_threads_native

# Before the imports below create locks.
keep_threads_native()

from files_service.dependencies import CoreProvider, Dispatcher  # noqa: E402
from files_service.errors import FilesError  # noqa: E402
from files_service.messaging.rpc.consumer import action as rpc_action  # noqa: E402
from storage_adapters import JSON  # noqa: E402

action = rpc_action(expected_exceptions=FilesError)


class Files:
    """All methods except those of tags."""

    name = "files"
    call: Dispatcher = CoreProvider()

    @action
    def upload(self, /, **params: Any) -> JSON:
        """Declare a file and get an upload URL for each part."""
        return self.call("files.upload", params)

    @action
    def finish(self, /, **params: Any) -> JSON:
        """Mark a part as received; the last part completes the upload."""
        return self.call("files.finish", params)

    @action
    def process(self, /, **params: Any) -> JSON:
        """Process an uploaded or failed file now; return a processed file as it is."""
        return self.call("files.process", params)

    @action
    def info(self, /, **params: Any) -> JSON:
        """Return the record of a file."""
        return self.call("files.info", params)

    @action
    def data(self, /, **params: Any) -> JSON:
        """Return selected fields of a file."""
        return self.call("files.data", params)

    @action
    def head(self, /, **params: Any) -> JSON:
        """Return the file id of each alias, or null, in order."""
        return self.call("files.head", params)

    @action
    def download(self, /, **params: Any) -> JSON:
        """Return a URL for each part, in order: a direct one for a public file, a signed one otherwise."""
        return self.call("files.download", params)

    @action
    def archive(self, /, **params: Any) -> JSON:
        """Make a ZIP archive of files; its URL is for the actor alone, for a day."""
        return self.call("files.archive", params)

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return one page of files, in order, and a cursor to the next page."""
        return self.call("files.list", params)

    @action
    def timeline(self, /, **params: Any) -> JSON:
        """Return the months in which an owner has pictures and videos, or one page of those of a month."""
        return self.call("files.timeline", params)

    @action
    def count(self, /, **params: Any) -> JSON:
        """Count an owner's files, by access and by status."""
        return self.call("files.count", params)

    @action
    def report(self, /, **params: Any) -> JSON:
        """Count an owner's files and bytes, by access, content type and status."""
        return self.call("files.report", params)

    @action
    def update(self, /, **params: Any) -> JSON:
        """Change name, alias, tags, meta, content type or grantees of a file."""
        return self.call("files.update", params)

    @action
    def access(self, /, **params: Any) -> JSON:
        """Set the access of files; each file succeeds or fails on its own."""
        return self.call("files.access", params)

    @action
    def remove(self, /, **params: Any) -> JSON:
        """Delete a file; repeating the call returns the same result."""
        return self.call("files.remove", params)

    @action
    def clone(self, /, **params: Any) -> JSON:
        """Make a private copy of a file for an owner; the blob store copies the bytes."""
        return self.call("files.clone", params)

    @action
    def sync(self, /, **params: Any) -> JSON:
        """Finish, expire, requeue and clean up leftover files, up to 100 files per call."""
        return self.call("files.sync", params)

    @action
    def manifest(self, /, **params: Any) -> JSON:
        """Return the manifest of a file: the received chunks, in order; ``object_id`` is a chunk's SHA-256."""
        return self.call("files.manifest", params)

    @action
    def move(self, /, **params: Any) -> JSON:
        """Move files to a path or into a folder; each file succeeds or fails on its own."""
        return self.call("files.move", params)

    @action
    def trash(self, /, **params: Any) -> JSON:
        """Move files to the trash; one that was never finished is removed. Each file succeeds or fails on its own."""
        return self.call("files.trash", params)

    @action
    def restore(self, /, **params: Any) -> JSON:
        """Take files out of the trash, back to their paths; each file succeeds or fails on its own."""
        return self.call("files.restore", params)

    @action
    def empty_trash(self, /, **params: Any) -> JSON:
        """Delete for good what is in the trash now, in the call or by a job."""
        return self.call("files.empty_trash", params)

    @action
    def bulk(self, /, **params: Any) -> JSON:
        """Do one action to many files; each file succeeds or fails on its own."""
        return self.call("files.bulk", params)

    @action
    def known(self, /, **params: Any) -> JSON:
        """Return for each file of a card the owner's file that a card brought before, or null, in order."""
        return self.call("files.known", params)


class FilesTag:
    """Tags of files, and access by tag."""

    name = "files.tag"
    call: Dispatcher = CoreProvider()

    @action
    def add(self, /, **params: Any) -> JSON:
        """Add tags to a file; tags that it already has stay."""
        return self.call("files.tag.add", params)

    @action
    def remove(self, /, **params: Any) -> JSON:
        """Remove tags from a file; tags that it does not have are ignored."""
        return self.call("files.tag.remove", params)

    @action
    def sync(self, /, **params: Any) -> JSON:
        """Replace the tags of a file."""
        return self.call("files.tag.sync", params)

    @action
    def access(self, /, **params: Any) -> JSON:
        """Set the access of an owner's files with this tag, up to 100 per call; a cursor continues."""
        return self.call("files.tag.access", params)


class Accounts:
    """Accounts of people, and what they sign in with."""

    name = "accounts"
    call: Dispatcher = CoreProvider()

    @action
    def register(self, /, **params: Any) -> JSON:
        """Make an account, as the settings allow it, and sign in."""
        return self.call("accounts.register", params)

    @action
    def login(self, /, **params: Any) -> JSON:
        """Sign in by name and password; returns the token of the new session."""
        return self.call("accounts.login", params)

    @action
    def logout(self, /, **params: Any) -> JSON:
        """End the session of a token; repeating the call is harmless."""
        return self.call("accounts.logout", params)

    @action
    def identify(self, /, **params: Any) -> JSON:
        """Return the account that a session's token or an API key proves."""
        return self.call("accounts.identify", params)

    @action
    def set_password(self, /, **params: Any) -> JSON:
        """Change one's password by the current one, or set it by the code of a reset link; other sessions end."""
        return self.call("accounts.set_password", params)

    @action
    def list_sessions(self, /, **params: Any) -> JSON:
        """Return one's own sessions, oldest first."""
        return self.call("accounts.list_sessions", params)

    @action
    def end_session(self, /, **params: Any) -> JSON:
        """End one of one's own sessions."""
        return self.call("accounts.end_session", params)

    @action
    def end_sessions(self, /, **params: Any) -> JSON:
        """End all of one's own sessions, this one too."""
        return self.call("accounts.end_sessions", params)

    @action
    def create_key(self, /, **params: Any) -> JSON:
        """Create an API key; the answer alone has the key itself."""
        return self.call("accounts.create_key", params)

    @action
    def list_keys(self, /, **params: Any) -> JSON:
        """Return one's own API keys without the keys themselves."""
        return self.call("accounts.list_keys", params)

    @action
    def revoke_key(self, /, **params: Any) -> JSON:
        """End one of one's own API keys."""
        return self.call("accounts.revoke_key", params)

    @action
    def begin_totp(self, /, **params: Any) -> JSON:
        """Make the secret of a second factor, which counts once it is confirmed."""
        return self.call("accounts.begin_totp", params)

    @action
    def confirm_totp(self, /, **params: Any) -> JSON:
        """Turn the second factor on by a code of the app; the answer alone has the recovery codes."""
        return self.call("accounts.confirm_totp", params)

    @action
    def remove_totp(self, /, **params: Any) -> JSON:
        """Turn the second factor off by a code of it."""
        return self.call("accounts.remove_totp", params)

    @action
    def export(self, /, **params: Any) -> JSON:
        """Return one page of what the service keeps about the person who is signed in."""
        return self.call("accounts.export", params)

    @action
    def delete_me(self, /, **params: Any) -> JSON:
        """Delete one's own account: its sessions, keys and links end at once, its files go after 14 days."""
        return self.call("accounts.delete_me", params)

    @action
    def create_invite(self, /, **params: Any) -> JSON:
        """Make an invite; the answer alone has its code."""
        return self.call("accounts.create_invite", params)

    @action
    def list_invites(self, /, **params: Any) -> JSON:
        """Return the invites of a tenant without their codes."""
        return self.call("accounts.list_invites", params)

    @action
    def revoke_invite(self, /, **params: Any) -> JSON:
        """End an invite; accounts that were made by it stay."""
        return self.call("accounts.revoke_invite", params)

    @action
    def create(self, /, **params: Any) -> JSON:
        """Make an account without a password; ``reset`` of the answer lets its person set one."""
        return self.call("accounts.create", params)

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return one page of a tenant's accounts, by name."""
        return self.call("accounts.list", params)

    @action
    def info(self, /, **params: Any) -> JSON:
        """Return an account, one's own or one that the actor manages."""
        return self.call("accounts.info", params)

    @action
    def update(self, /, **params: Any) -> JSON:
        """Change the role of an account, or disable or enable it, which undoes its deletion."""
        return self.call("accounts.update", params)

    @action
    def delete(self, /, **params: Any) -> JSON:
        """Delete an account: its sessions, keys and links end at once, its files go after 14 days."""
        return self.call("accounts.delete", params)

    @action
    def set_quota(self, /, **params: Any) -> JSON:
        """Set the quota of an account."""
        return self.call("accounts.set_quota", params)

    @action
    def set_tenant_quota(self, /, **params: Any) -> JSON:
        """Set the quota that all accounts of a tenant have together."""
        return self.call("accounts.set_tenant_quota", params)

    @action
    def reset(self, /, **params: Any) -> JSON:
        """Make the code by which a person sets a new password, once and within an hour."""
        return self.call("accounts.reset", params)

    @action
    def create_tenant(self, /, **params: Any) -> JSON:
        """Create a tenant."""
        return self.call("accounts.create_tenant", params)

    @action
    def list_tenants(self, /, **params: Any) -> JSON:
        """Return all tenants but the default one."""
        return self.call("accounts.list_tenants", params)


class Shares:
    """Links to files."""

    name = "shares"
    call: Dispatcher = CoreProvider()

    @action
    def create(self, /, **params: Any) -> JSON:
        """Make a link to files of an owner; private ones become ``shared``."""
        return self.call("shares.create", params)

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return one page of an owner's shares, the newest first."""
        return self.call("shares.list", params)

    @action
    def info(self, /, **params: Any) -> JSON:
        """Return a share."""
        return self.call("shares.info", params)

    @action
    def events(self, /, **params: Any) -> JSON:
        """Return what visitors did with a share lately, the newest first."""
        return self.call("shares.events", params)

    @action
    def update(self, /, **params: Any) -> JSON:
        """Change a share, pause it, or make it active again."""
        return self.call("shares.update", params)

    @action
    def revoke(self, /, **params: Any) -> JSON:
        """Close a link and end all its downloads; repeating the call is harmless."""
        return self.call("shares.revoke", params)

    @action
    def policy(self, /, **params: Any) -> JSON:
        """Return the policy of a tenant for its links and versions."""
        return self.call("shares.policy", params)

    @action
    def set_policy(self, /, **params: Any) -> JSON:
        """Change the policy of a tenant for its links and versions."""
        return self.call("shares.set_policy", params)


class Analytics:
    """Storage of an owner, a tenant or all."""

    name = "analytics"
    call: Dispatcher = CoreProvider()

    @action
    def storage(self, /, **params: Any) -> JSON:
        """Return bytes, quota, trash and versions, and what was made on each of the last days."""
        return self.call("analytics.storage", params)

    @action
    def file_types(self, /, **params: Any) -> JSON:
        """Return number and bytes of files by kind."""
        return self.call("analytics.file_types", params)


class Folders:
    """Folders, and what lies in them."""

    name = "folders"
    call: Dispatcher = CoreProvider()

    @action
    def create(self, /, **params: Any) -> JSON:
        """Make a folder and those in which it lies; one that is there stays as it is."""
        return self.call("folders.create", params)

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return one page of a folder: its files and folders, in the order of their paths."""
        return self.call("folders.list", params)

    @action
    def move(self, /, **params: Any) -> JSON:
        """Move a folder with all that is in it, in the call or by a job."""
        return self.call("folders.move", params)

    @action
    def remove(self, /, **params: Any) -> JSON:
        """Move a folder with all that is in it to the trash, in the call or by a job."""
        return self.call("folders.remove", params)

    @action
    def restore(self, /, **params: Any) -> JSON:
        """Take out of the trash what was trashed as one folder, in the call or by a job."""
        return self.call("folders.restore", params)

    @action
    def trashed(self, /, **params: Any) -> JSON:
        """Return the folders that were trashed as one, the newest first."""
        return self.call("folders.trashed", params)


class Jobs:
    """Work on whole folders."""

    name = "jobs"
    call: Dispatcher = CoreProvider()

    @action
    def info(self, /, **params: Any) -> JSON:
        """Return a job and its progress."""
        return self.call("jobs.info", params)

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return jobs of an owner of the last seven days: those that run, then the newest."""
        return self.call("jobs.list", params)

    @action
    def cancel(self, /, **params: Any) -> JSON:
        """Cancel a job that runs; what it has done stays."""
        return self.call("jobs.cancel", params)


class Versions:
    """Former contents of files."""

    name = "versions"
    call: Dispatcher = CoreProvider()

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return the versions of a file, the newest first; the current content is one of them."""
        return self.call("versions.list", params)

    @action
    def restore(self, /, **params: Any) -> JSON:
        """Make the bytes of a version current again, as a new version."""
        return self.call("versions.restore", params)

    @action
    def label(self, /, **params: Any) -> JSON:
        """Label a version, which keeps it from being pruned."""
        return self.call("versions.label", params)

    @action
    def remove(self, /, **params: Any) -> JSON:
        """Remove a former content of a file; repeating the call is harmless."""
        return self.call("versions.remove", params)

    @action
    def download(self, /, **params: Any) -> JSON:
        """Return a signed URL for each part of a version, in order."""
        return self.call("versions.download", params)


class Cards:
    """Memory cards, and the sessions in which they are copied."""

    name = "cards"
    call: Dispatcher = CoreProvider()

    @action
    def inserted(self, /, **params: Any) -> JSON:
        """Note that a card was inserted; return it with its last session."""
        return self.call("cards.inserted", params)

    @action
    def permit(self, /, **params: Any) -> JSON:
        """Allow or ignore a card, or make it unknown again."""
        return self.call("cards.permit", params)

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return one page of an owner's cards, the last inserted first."""
        return self.call("cards.list", params)

    @action
    def begin(self, /, **params: Any) -> JSON:
        """Begin a session of a card, or go on with the one that is not verified."""
        return self.call("cards.begin", params)

    @action
    def add(self, /, **params: Any) -> JSON:
        """Tell what came of files of the card; a later telling of a path takes the place of an earlier one."""
        return self.call("cards.add", params)

    @action
    def progress(self, /, **params: Any) -> JSON:
        """Tell the state of the copying, the second reading, or a new listing."""
        return self.call("cards.progress", params)

    @action
    def verify(self, /, **params: Any) -> JSON:
        """Begin to read all copies again; a worker does it and gives the verdict."""
        return self.call("cards.verify", params)

    @action
    def receipt(self, /, **params: Any) -> JSON:
        """Return the signed receipt of the verdict."""
        return self.call("cards.receipt", params)

    @action
    def manifest(self, /, **params: Any) -> JSON:
        """Return the files of a session as a manifest of the ASC Media Hash List."""
        return self.call("cards.manifest", params)

    @action
    def session(self, /, **params: Any) -> JSON:
        """Return a session with its verdict."""
        return self.call("cards.session", params)

    @action
    def sessions(self, /, **params: Any) -> JSON:
        """Return one page of an owner's sessions, the newest first."""
        return self.call("cards.sessions", params)

    @action
    def files(self, /, **params: Any) -> JSON:
        """Return one page of the files of a session, in the order of their paths."""
        return self.call("cards.files", params)


class Notices:
    """Notices of an owner, and channels where it wants to be told of its cards and uploads."""

    name = "notices"
    call: Dispatcher = CoreProvider()

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return one page of an owner's notices, the newest first, and the number of unread ones."""
        return self.call("notices.list", params)

    @action
    def read(self, /, **params: Any) -> JSON:
        """Mark notices of an owner as read; return the number of unread ones."""
        return self.call("notices.read", params)

    @action
    def channels(self, /, **params: Any) -> JSON:
        """Return the channels of an owner without their addresses."""
        return self.call("notices.channels", params)

    @action
    def set_channel(self, /, **params: Any) -> JSON:
        """Make a channel of an owner, or change one; the address is never shown again."""
        return self.call("notices.set_channel", params)

    @action
    def remove_channel(self, /, **params: Any) -> JSON:
        """Remove a channel of an owner; repeating the call is harmless."""
        return self.call("notices.remove_channel", params)

    @action
    def test_channel(self, /, **params: Any) -> JSON:
        """Have the notifier send a test message to a channel of an owner."""
        return self.call("notices.test_channel", params)
