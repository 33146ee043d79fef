"""Calls of Google's client library, and the only place that translates its exceptions.

Every write and delete has a precondition on the generation, so each may be repeated: Google's library retries
connection errors, 408, 429 and 5xx within the timeout. Exceptions of the library are neither shown nor chained: their
text may contain the URI of an upload session, which lets anybody write.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from google.api_core import exceptions as api_errors
from google.auth import exceptions as auth_errors
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from storage_adapters.blobs.bucket_store import CACHE_CONTROL, disposition_of
from storage_adapters.blobs.gcs.location import Location
from storage_adapters.errors import BlobNotFound, StorageDenied, StorageUnavailable

ENDPOINT = "https://storage.googleapis.com"
CONNECTIONS = 64
BATCH_CALLS = 100
_FOREIGN = (
    api_errors.GoogleAPICallError,
    api_errors.RetryError,
    auth_errors.GoogleAuthError,
    DataCorruption,
    InvalidResponse,
    requests.RequestException,
    OSError,
)


class OtherGeneration(Exception):
    """A failed precondition; never leaves the package."""


@contextmanager
def google_errors_as_ours() -> Iterator[None]:
    """Translate errors of Google's library into BlobNotFound, OtherGeneration, StorageDenied or StorageUnavailable."""
    try:
        yield
    except api_errors.NotFound as error:
        if "bucket does not exist" in str(error.message):
            raise StorageUnavailable("Cloud Storage: the bucket does not exist") from None
        raise BlobNotFound("Cloud Storage: the object does not exist") from None
    except api_errors.PreconditionFailed:
        raise OtherGeneration from None
    except _FOREIGN as error:
        if isinstance(error, api_errors.BadRequest) and "requester pays" in str(error.message):
            raise StorageDenied("Cloud Storage: requesters pay, name the project: ?user_project=PROJECT") from None
        if is_denied(error):
            raise StorageDenied(f"Cloud Storage: {describe(error)}") from None
        raise StorageUnavailable(f"Cloud Storage: {describe(error)}") from None


def describe(error: BaseException) -> str:
    """Describe an error without its URL."""
    if isinstance(error, api_errors.RetryError) and error.cause is not None:
        error = error.cause
    response = getattr(error, "response", None)
    status = getattr(error, "code", None) or getattr(response, "status_code", None)
    reasons = [each.get("reason", "") for each in getattr(error, "errors", None) or [] if isinstance(each, Mapping)]
    words = [type(error).__name__, *([str(int(status))] if status else []), *filter(None, reasons)]
    return " ".join(words)


def is_denied(error: BaseException) -> bool:
    """Return True for a missing right, a retention or a hold; False for a limit on the rate, which passes."""
    if not isinstance(error, api_errors.Forbidden):
        status = getattr(getattr(error, "response", None), "status_code", None)
        return isinstance(error, InvalidResponse) and status == 403
    return "ratelimitexceeded" not in describe(error).lower()


def hex_of(text: str | None) -> str | None:
    """Convert a base64 checksum to hex."""
    return None if text is None else base64.b64decode(text).hex()


def base64_of(text: str | None) -> str | None:
    """Convert a hex checksum to base64."""
    return None if text is None else base64.b64encode(bytes.fromhex(text)).decode()


class GcsApi:
    """One client for all threads. ``session`` is its HTTP session, for requests that the library does not offer."""

    def __init__(self, location: Location, credentials: Any, endpoint: str) -> None:
        self.endpoint = (endpoint or ENDPOINT).rstrip("/")
        self.timeout = location.timeout
        self.session: requests.Session = AuthorizedSession(credentials)
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)
        self._client = storage.Client(
            project="files", credentials=credentials, client_options={"api_endpoint": self.endpoint}, _http=self.session
        )
        # The library looks up the bucket for its traces, which needs an additional permission.
        if hasattr(self._client, "_bucket_metadata_cache"):
            self._client._bucket_metadata_cache = None  # noqa: SLF001 - there is no other way but the environment
        self._user_project = location.user_project
        self._bucket = self._client.bucket(location.bucket, user_project=location.user_project or None)
        self._retry = DEFAULT_RETRY.with_timeout(location.timeout)

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def find(self, name: str) -> Any:
        """Return the object's description. Raises BlobNotFound."""
        blob = self._bucket.blob(name)
        with google_errors_as_ours():
            blob.reload(timeout=self.timeout, retry=self._retry)
        return blob

    def insert(
        self, name: str, content: bytes, *, content_type: str, metadata: Mapping[str, str], over: str = "0"
    ) -> Any:
        """Store a small object in one request, in the place of generation ``over`` ("0": none).

        Raises OtherGeneration when the object has another generation.
        """
        blob = self._new_object(name, content_type, metadata)
        with google_errors_as_ours():
            blob.upload_from_string(
                content,
                content_type=content_type,
                if_generation_match=int(over),
                checksum="crc32c",
                timeout=self.timeout,
                retry=self._retry,
            )
        return blob

    def start_session(
        self,
        name: str,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        size: int | None = None,
        md5: str | None = None,
        crc32c: str | None = None,
        origin: str | None = None,
        over: str = "0",
    ) -> str:
        """Start a resumable upload in the place of generation ``over`` ("0": none); return its URI, a secret.

        Raises OtherGeneration when the object has another generation.
        """
        # A new blob object for each session: a loaded one would send its description again.
        blob = self._new_object(name, content_type, metadata)
        if md5 is not None:
            blob.md5_hash = base64_of(md5)
        if crc32c is not None:
            blob.crc32c = base64_of(crc32c)
        with google_errors_as_ours():
            uri: str = blob.create_resumable_upload_session(
                content_type=content_type,
                size=size,
                origin=origin,
                checksum=None,
                if_generation_match=int(over),
                timeout=self.timeout,
                retry=self._retry,
            )
        return uri

    def add_metadata(self, blob: Any, metadata: Mapping[str, str]) -> Any:
        """Add metadata to an object that has not changed since it was loaded."""
        blob.metadata = {**(blob.metadata or {}), **metadata}
        with google_errors_as_ours():
            blob.patch(
                if_generation_match=blob.generation,
                if_metageneration_match=blob.metageneration,
                timeout=self.timeout,
                retry=self._retry,
            )
        return blob

    def read(self, name: str, offset: int, length: int | None, generation: str | None) -> requests.Response | None:
        """Start reading a range; return None when it lies beyond the end. Raises BlobNotFound."""
        last = "" if length is None else str(offset + length - 1)
        # Read the stored bytes: without this header, an object with a Content-Encoding would be decompressed.
        headers = {"Range": f"bytes={offset}-{last}", "Accept-Encoding": "gzip"}
        blob = self._bucket.blob(name)
        params = {"alt": "media"} | ({"generation": generation} if generation else {})
        if self._user_project:
            params["userProject"] = self._user_project

        def ask() -> requests.Response:
            answer = self.session.get(
                f"{self.endpoint}/download/storage/v1{blob.path}",
                params=params,
                headers=headers,
                stream=True,
                timeout=self.timeout,
            )
            if answer.status_code in (200, 206, 416):
                return answer
            with answer:
                raise api_errors.from_http_response(answer)

        with google_errors_as_ours():
            answer: requests.Response = self._retry(ask)()
        if answer.status_code == 416:
            answer.close()
            return None
        return answer

    def delete(self, name: str, generation: str) -> None:
        """Delete this generation of an object. Raises BlobNotFound or OtherGeneration."""
        with google_errors_as_ours():
            self._bucket.blob(name).delete(if_generation_match=int(generation), timeout=self.timeout, retry=self._retry)

    def copy(self, source: Any, name: str, *, metadata: Mapping[str, str]) -> Any:
        """Copy a loaded object. Raises BlobNotFound, OtherGeneration."""
        blob = self._new_object(name, source.content_type or "", metadata)
        blob.content_type = source.content_type
        token = None
        with google_errors_as_ours():
            while True:
                # One call copies within a bucket; between locations it takes several.
                token, _, _ = blob.rewrite(
                    source,
                    token=token,
                    if_generation_match=0,
                    if_source_generation_match=source.generation,
                    timeout=self.timeout,
                    retry=self._retry,
                )
                if token is None:
                    return blob

    def listing(self, *, prefix: str, start: str, limit: int) -> list[Any]:
        """List up to ``limit`` objects with this prefix, starting at a name, in the order of names."""
        with google_errors_as_ours():
            found = self._client.list_blobs(
                self._bucket,
                prefix=prefix or None,
                start_offset=start or None,
                max_results=limit,
                timeout=self.timeout,
                retry=self._retry,
            )
            return list(found)

    def delete_many(self, generations: Mapping[str, str]) -> list[str]:
        """Delete objects in their known generations, a hundred per request; missing objects count as deleted.

        Returns the names of objects that have another generation; these stay.
        """
        left: list[str] = []
        names = list(generations)
        for start in range(0, len(names), BATCH_CALLS):
            some = names[start : start + BATCH_CALLS]
            with google_errors_as_ours():
                try:
                    statuses: list[int] = self._retry(self._delete_batch)({name: generations[name] for name in some})
                except ValueError:
                    raise StorageUnavailable("Cloud Storage: a batch response is incomplete") from None
            left += [name for name, status in zip(some, statuses, strict=True) if status == 412]
        return left

    def _new_object(self, name: str, content_type: str, metadata: Mapping[str, str]) -> Any:
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        blob.cache_control = CACHE_CONTROL
        blob.content_disposition = disposition_of(content_type)
        return blob

    def _delete_batch(self, generations: Mapping[str, str]) -> list[int]:
        with self._client.batch(raise_exception=False) as batch:
            for name, generation in generations.items():
                self._bucket.blob(name).delete(if_generation_match=int(generation), timeout=self.timeout)
        # The library offers no other access to them.
        statuses = [answer.status_code for answer in batch._responses]  # noqa: SLF001
        for status in statuses:
            if status not in (200, 204, 404, 412):
                raise api_errors.from_http_status(status, "")
        return statuses
