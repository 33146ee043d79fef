"""Check of ``files doctor`` for the blob store."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import urlsplit

from files_service.cli.finding import Finding
from files_service.config import Settings
from files_service.services.opening import open_blobs
from storage_adapters import StorageError, SupportsSignedUrls, UnknownStore, VerifiesSignedUrls, capabilities

_CORRECT = "Correct {}, give its folder to the user of the service, or free some space."
# By the scheme of the URL.
_ADVICE = {
    "gs": "Correct FILES_BLOBS_URL, or grant the role Storage Object User on the bucket to the account of the service.",
    "nodes": "Start the nodes that do not answer, or more nodes: the line of the nodes says what they lack.",
    "s3": "Start the S3 server, or correct FILES_BLOBS_URL, FILES_S3_ACCESS_KEY_ID and FILES_S3_SECRET_ACCESS_KEY.",
}


def check_blobs(settings: Settings) -> Finding:
    """Check that the blob store answers, and that it takes its own signatures."""
    try:
        with closing(open_blobs(settings)) as store:
            store.ping()
            if isinstance(store, SupportsSignedUrls):
                _try_signature(store)
            return Finding("blobs", f"{type(store).__name__}: {', '.join(capabilities(store))}")
    except (UnknownStore, StorageError) as error:
        return Finding("blobs", str(error), _advice(settings, error))


def _advice(settings: Settings, error: Exception) -> str:
    # What opened the store has noted whether it is the mirror.
    if "FILES_MIRROR_URL" in getattr(error, "__notes__", ()):
        return _CORRECT.format("FILES_MIRROR_URL")
    correct = _CORRECT.format("FILES_BLOBS_URL or its signing key")
    scheme = urlsplit(settings.blobs_url).scheme
    if isinstance(error, UnknownStore):
        # Of a URL, a library, a secret or credentials: a folder is that of one scheme alone.
        return correct if scheme == "file" else "Correct FILES_BLOBS_URL, or what the message names."
    return _ADVICE.get(scheme, correct)


def _try_signature(store: SupportsSignedUrls) -> None:
    """Sign a URL and, if the gateway serves the bytes, verify it. Raises the errors of either."""
    signed = store.sign("GET", "doctor", expires_at=2)
    if isinstance(store, VerifiesSignedUrls):
        params = dict(pair.split("=", 1) for pair in urlsplit(signed.url).query.split("&"))
        store.verify("GET", "doctor", params, now=1)
