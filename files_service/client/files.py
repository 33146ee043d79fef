"""The client: one typed method per API method. Rules and defaults are the service's."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, Unpack, overload

from files_service.client import parameters as params
from files_service.client import results
from files_service.client.accounts import AccountMethods
from files_service.client.amqp import AmqpTransport
from files_service.client.analytics import AnalyticsMethods
from files_service.client.caller import Caller, named
from files_service.client.cards import CardMethods, KnownMethods
from files_service.client.folders import FolderMethods, JobMethods, PlaceMethods
from files_service.client.http import HttpTransport
from files_service.client.notices import NoticeMethods
from files_service.client.shares import ShareMethods
from files_service.client.transport import Transport
from files_service.client.versions import VersionMethods
from files_service.errors import BadRequest
from files_service.runtime.addresses import has_host

DEFAULT_TIMEOUT_SECONDS = 30.0
POOL_SIZE = 10


class TagMethods(Caller):
    """Tags of files, and access by tag."""

    @overload
    def add(self, **given: Unpack[params.TagParams]) -> results.File: ...
    @overload
    def add(self, **given: Unpack[params.TagManyParams]) -> results.Outcomes: ...
    def add(self, **given: Any) -> Any:
        """Add tags to one or many files."""
        return self._call("files.tag.add", given)

    @overload
    def remove(self, **given: Unpack[params.TagParams]) -> results.File: ...
    @overload
    def remove(self, **given: Unpack[params.TagManyParams]) -> results.Outcomes: ...
    def remove(self, **given: Any) -> Any:
        """Remove tags from one or many files."""
        return self._call("files.tag.remove", given)

    @overload
    def sync(self, **given: Unpack[params.TagParams]) -> results.File: ...
    @overload
    def sync(self, **given: Unpack[params.TagManyParams]) -> results.Outcomes: ...
    def sync(self, **given: Any) -> Any:
        """Replace the tags of one or many files."""
        return self._call("files.tag.sync", given)

    def access(self, **given: Unpack[params.TagAccessParams]) -> results.Outcomes:
        """Set the access of an owner's files with a tag."""
        return self._call("files.tag.access", given)


class FilesClient(PlaceMethods, KnownMethods):
    """Client of the service at ``amqp[s]://…`` or ``http[s]://…``; thread-safe.

    A call that fails because the service is unreachable is repeated for up to ``timeout`` seconds; it still takes
    effect only once. After that ServiceUnavailable is raised. Any other error is raised as the class of
    ``files_service.errors`` that the service returned.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        pool_size: int = POOL_SIZE,
    ) -> None:
        super().__init__(_open_transport(url, token, pool_size), timeout)
        self._add_groups()

    def with_timeout(self, seconds: float) -> FilesClient:
        """Return a client with another timeout that shares the connections."""
        other = object.__new__(FilesClient)
        Caller.__init__(other, self._transport, seconds)
        other._add_groups()
        return other

    def _add_groups(self) -> None:
        at = self._transport, self._timeout
        self.tag = TagMethods(*at)
        self.accounts = AccountMethods(*at)
        self.shares = ShareMethods(*at)
        self.analytics = AnalyticsMethods(*at)
        self.folders = FolderMethods(*at)
        self.jobs = JobMethods(*at)
        self.versions = VersionMethods(*at)
        self.cards = CardMethods(*at)
        self.notices = NoticeMethods(*at)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def upload(self, **given: Unpack[params.UploadParams]) -> results.File:
        """Declare a file and get an upload URL for each part."""
        return self._call("files.upload", named(given))

    def finish(self, **given: Unpack[params.FinishParams]) -> results.Finished:
        """Mark a part as received."""
        return self._call("files.finish", given)

    def process(self, **given: Unpack[params.ProcessParams]) -> results.File:
        """Process a file now."""
        return self._call("files.process", given)

    def info(self, **given: Unpack[params.InfoParams]) -> results.File:
        """Return the record of a file."""
        return self._call("files.info", given)

    def data(self, **given: Unpack[params.DataParams]) -> dict[str, Any]:
        """Return selected fields of a file."""
        return self._call("files.data", given)

    def head(self, **given: Unpack[params.HeadParams]) -> results.FileIds:
        """Return file ids by alias."""
        return self._call("files.head", given)

    def download(self, **given: Unpack[params.DownloadParams]) -> results.Download:
        """Return a URL for each part."""
        return self._call("files.download", given)

    def archive(self, **given: Unpack[params.ArchiveParams]) -> results.Archive:
        """Make a ZIP archive of files; its URL is for the actor alone, for a day."""
        return self._call("files.archive", given)

    def list(self, **given: Unpack[params.ListParams]) -> results.Page:
        """Return one page of files."""
        return self._call("files.list", given)

    def timeline(self, **given: Unpack[params.TimelineParams]) -> results.Timeline:
        """Return the months of pictures and videos, or one page of those of a month."""
        return self._call("files.timeline", given)

    def count(self, **given: Unpack[params.UsageParams]) -> results.Count:
        """Count an owner's files."""
        return self._call("files.count", given)

    def report(self, **given: Unpack[params.UsageParams]) -> dict[str, Any]:
        """Count an owner's files and bytes."""
        return self._call("files.report", given)

    def update(self, **given: Unpack[params.UpdateParams]) -> results.File:
        """Edit name, alias, tags, meta, content type or grantees of a file."""
        return self._call("files.update", given)

    def access(self, **given: Unpack[params.AccessParams]) -> results.Outcomes:
        """Set who may read files."""
        return self._call("files.access", given)

    def remove(self, **given: Unpack[params.RemoveParams]) -> results.Removed:
        """Remove a file."""
        return self._call("files.remove", given)

    def clone(self, **given: Unpack[params.CloneParams]) -> results.File:
        """Make a copy of a file."""
        return self._call("files.clone", given)

    def sync(self, **given: Unpack[params.SyncParams]) -> dict[str, Any]:
        """Reconcile records with the blob store."""
        return self._call("files.sync", given)

    def manifest(self, **given: Unpack[params.ManifestParams]) -> dict[str, Any]:
        """Return a page of the chunks of a file."""
        return self._call("files.manifest", given)

    def chunks(self, **given: Unpack[params.ManifestParams]) -> Iterator[results.ManifestChunk]:
        """Yield all chunks of a file from ``start`` on; ``limit`` is the size of the pages that it reads."""
        place: params.ManifestParams = {**given}
        while True:
            page = self.manifest(**place)
            yield from page["chunks"]
            if "next_start" not in page:
                return
            place = {**place, "start": page["next_start"]}


def _open_transport(url: str, token: str | None, pool_size: int) -> Transport:
    scheme = url.partition("://")[0]
    if scheme not in ("amqp", "amqps", "http", "https"):
        raise BadRequest("the service URL must begin with amqp://, amqps://, http:// or https://")
    if not has_host(url):
        raise BadRequest("the service URL must have a host, and a port of up to 65535 or none")
    if scheme.startswith("amqp"):
        return AmqpTransport(url, pool_size=pool_size)
    return HttpTransport(url, token=token, pool_size=pool_size)
