"""The client of boto3, with bounded time, and the translation of its exceptions.

botocore repeats what failed by a broken connection, 500, 502, 503 (SlowDown) and 504, with a growing pause. Its
exceptions are neither shown nor chained: their text may have a URL with a signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, ReadTimeoutError

from storage_adapters.blobs.s3.location import Location
from storage_adapters.blobs.s3.signing import Secret
from storage_adapters.errors import (
    BlobNotFound,
    NoAnswerInTime,
    StorageDenied,
    StorageFull,
    StorageUnavailable,
    UnknownStore,
)
from storage_adapters.options import BlobOptions

CONNECTIONS = 64
ATTEMPTS = 4
CONNECT_SECONDS = 5.0
_MISSING = frozenset({"NoSuchKey", "NoSuchUpload", "404", "NotFound"})
DENIED = frozenset(
    {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled"}
)
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_FULL = frozenset({"XMinioStorageFull", "QuotaExceeded"})
_UNKNOWN = frozenset({"NotImplemented", "501"})


class OtherObject(Exception):
    """A condition of a request does not hold; never leaves the package."""


class NoConditions(Exception):
    """The server does not know the condition of a request; never leaves the package."""


@contextmanager
def s3_errors_as_ours() -> Iterator[None]:
    """Translate errors of botocore into BlobNotFound, OtherObject, NoConditions, StorageDenied, StorageUnavailable."""
    try:
        yield
    except ClientError as error:
        raise _translated(error) from None
    except KeyError as error:
        # A proxy answered, or the answer was cut.
        raise StorageUnavailable(f"S3: the answer has no {error}") from None
    except ReadTimeoutError:
        raise NoAnswerInTime("S3: the server did not answer in time") from None
    except (BotoCoreError, HTTPClientError, urllib3.exceptions.HTTPError, OSError) as error:
        raise StorageUnavailable(f"S3: {type(error).__name__}") from None


def _translated(error: ClientError) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return StorageUnavailable("S3: the bucket does not exist")
    if code in _MISSING or (status == 404 and code not in DENIED):
        return BlobNotFound("S3: the object does not exist")
    if code in _CHANGED or status == 412:
        return OtherObject()
    if code in _UNKNOWN or status == 501:
        return NoConditions()
    words = " ".join(dict.fromkeys(each for each in (code, str(status)) if each.isalnum()))
    if code in DENIED or status == 403:
        return StorageDenied(f"S3: {words}")
    if code in _FULL or status == 507:
        return StorageFull(f"S3: {words}")
    return StorageUnavailable(f"S3: {words}")


def open_client(location: Location, options: BlobOptions) -> tuple[Any, Callable[[], Secret]]:
    """Return the client of a bucket's server, and its credentials, which may change.

    Raises UnknownStore without credentials: no request is anonymous.
    """
    session = boto3.Session(
        aws_access_key_id=options.s3_access_key_id or None,
        aws_secret_access_key=options.s3_secret_access_key or None,
    )
    try:
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
    except (BotoCoreError, NoCredentialsError):
        raise UnknownStore(
            "no credentials for S3: set FILES_S3_ACCESS_KEY_ID and FILES_S3_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID"
            " and AWS_SECRET_ACCESS_KEY"
        ) from None

    def secret() -> Secret:
        with s3_errors_as_ours():
            frozen = credentials.get_frozen_credentials()
        return Secret(frozen.access_key, frozen.secret_key, frozen.token)

    client = session.client(
        "s3",
        region_name=location.region,
        endpoint_url=location.endpoint or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if location.path_style else "virtual", "payload_signing_enabled": False},
            connect_timeout=min(CONNECT_SECONDS, location.timeout),
            read_timeout=location.timeout,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            # The adapter sends checksums of its own; those of botocore need another library, or a second pass.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            tcp_keepalive=True,
            user_agent_extra="files-service",
        ),
    )
    return client, secret
