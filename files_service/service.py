"""The API over AMQP: nameko's services ``files`` and ``files.tag``, one method per call.

Parameters have names; what they are, and what each call answers and raises, is in docs/rpc.md.
"""

from __future__ import annotations

from typing import Any

from files_service.messaging.rpc.threads import keep_threads_native

# Before the modules below make locks.
keep_threads_native()

from files_service.dependencies import CoreProvider, Dispatcher  # noqa: E402
from files_service.errors import FilesError  # noqa: E402
from files_service.messaging.rpc.consumer import action as rpc_action  # noqa: E402
from storage_adapters import JSON  # noqa: E402

action = rpc_action(expected_exceptions=FilesError)


class Files:
    """Everything about files but their tags."""

    name = "files"
    call: Dispatcher = CoreProvider()

    @action
    def upload(self, /, **params: Any) -> JSON:
        """Declare a file and get an address for the bytes of each part."""
        return self.call("files.upload", params)

    @action
    def finish(self, /, **params: Any) -> JSON:
        """Mark a part as received; with the last one the file is uploaded."""
        return self.call("files.finish", params)

    @action
    def process(self, /, **params: Any) -> JSON:
        """Process an uploaded or failed file now; a processed one is returned as it is."""
        return self.call("files.process", params)

    @action
    def info(self, /, **params: Any) -> JSON:
        """Return the record of a file."""
        return self.call("files.info", params)

    @action
    def data(self, /, **params: Any) -> JSON:
        """Return chosen fields of a file."""
        return self.call("files.data", params)

    @action
    def head(self, /, **params: Any) -> JSON:
        """Return the id behind each alias, or null, in order."""
        return self.call("files.head", params)

    @action
    def download(self, /, **params: Any) -> JSON:
        """Return an address for each part, in order: direct for a public file, signed otherwise."""
        return self.call("files.download", params)

    @action
    def list(self, /, **params: Any) -> JSON:
        """Return one page of files, in order, and a cursor to the next."""
        return self.call("files.list", params)

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
        """Set the access of files; each is changed wholly or not at all, and answered for by itself."""
        return self.call("files.access", params)

    @action
    def remove(self, /, **params: Any) -> JSON:
        """Remove a file; repeating it is the same answer."""
        return self.call("files.remove", params)

    @action
    def clone(self, /, **params: Any) -> JSON:
        """Make a private file of the same bytes for an owner; they are copied inside the blob store."""
        return self.call("files.clone", params)

    @action
    def sync(self, /, **params: Any) -> JSON:
        """Finish, expire, requeue and clean what was left behind, looking at up to 100 files a call."""
        return self.call("files.sync", params)

    @action
    def manifest(self, /, **params: Any) -> JSON:
        """Return the manifest of a file: the chunks that have arrived, in order; ``object_id`` is a chunk's SHA-256."""
        return self.call("files.manifest", params)


class FilesTag:
    """Tags of files, and access by tag."""

    name = "files.tag"
    call: Dispatcher = CoreProvider()

    @action
    def add(self, /, **params: Any) -> JSON:
        """Add tags to a file; those it has already stay."""
        return self.call("files.tag.add", params)

    @action
    def remove(self, /, **params: Any) -> JSON:
        """Remove tags from a file; those it does not have are no error."""
        return self.call("files.tag.remove", params)

    @action
    def sync(self, /, **params: Any) -> JSON:
        """Give a file exactly these tags."""
        return self.call("files.tag.sync", params)

    @action
    def access(self, /, **params: Any) -> JSON:
        """Set the access of the owner's files that bear the tag, up to 100 a call; a cursor leads to the rest."""
        return self.call("files.tag.access", params)
