"""Reads without the layers of boto3, of which a request for one chunk takes more of the processor than its bytes.

The requests are sent by the session of the boto3 client, so connections, certificates, proxies and time limits are the
same. Only success is understood here: any other answer is left to boto3, which repeats requests and names errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.httpsession import URLLib3Session

from storage_adapters.blobs.s3.objects import S3Object, object_of
from storage_adapters.blobs.s3.signing import RequestSigner

_META = "x-amz-meta-"


class DirectReads:
    """GET requests for one bucket, on the connections of a client of boto3. Thread-safe."""

    def __init__(self, client: Any, signer: RequestSigner, *, clock: Callable[[], float] = time.time) -> None:
        # The one way to a session with the client's settings; boto3 keeps connections for itself otherwise.
        self._session: URLLib3Session = client._endpoint.http_session  # noqa: SLF001
        self._signer, self._clock = signer, clock

    def get(self, name: str, *, span: str, etag: str | None) -> tuple[S3Object, Any] | None:
        """Start reading a range ("" for all), of an object with this ETag; None where boto3 has to ask."""
        conditions = {"Range": span, "If-Match": etag or ""}
        url, headers = self._signer.sign("GET", name, at=self._clock())
        headers |= {key: value for key, value in conditions.items() if value}
        request = AWSPreparedRequest("GET", url, HeadersDict(headers), None, stream_output=True)
        try:
            answer = self._session.send(request)
        except (BotoCoreError, HTTPClientError):
            return None
        expected = HTTPStatus.PARTIAL_CONTENT if span else HTTPStatus.OK
        if answer.status_code == expected:
            found = _object_of(name, answer.headers)
            if found is not None:
                return found, answer.raw
        answer.raw.close()
        return None


def _object_of(name: str, headers: Mapping[str, str]) -> S3Object | None:
    """Read the headers of an answer as boto3 would; None for one that is not of an S3 server."""
    known = {key.lower(): value for key, value in headers.items()}
    try:
        answer = {
            "LastModified": parsedate_to_datetime(known["last-modified"]),
            "ETag": known["etag"],
            "ContentLength": int(known["content-length"]),
            "ContentRange": known.get("content-range", ""),
            "ContentType": known.get("content-type", ""),
            "ChecksumType": known.get("x-amz-checksum-type"),
            "ChecksumCRC32C": known.get("x-amz-checksum-crc32c"),
            "Metadata": {key.removeprefix(_META): value for key, value in known.items() if key.startswith(_META)},
            "ResponseMetadata": {"HTTPHeaders": known},
        }
        return object_of(name, answer)
    except (KeyError, ValueError):
        return None
