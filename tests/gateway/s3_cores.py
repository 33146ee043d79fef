"""Cores whose bytes are in a bucket of a private SeaweedFS."""

from __future__ import annotations

from pathlib import Path

from files_service.core import Core
from files_service.services.opening import open_core
from tests.cores import settings_for
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY

WEBHOOK_TOKEN = "s3-webhook-token-for-tests-0123456789abcdef"


def s3_environ(blobs_url: str) -> dict[str, str]:
    """What a process needs to keep its bytes there."""
    return {
        "FILES_BLOBS_URL": blobs_url,
        "FILES_S3_ACCESS_KEY_ID": ACCESS_KEY,
        "FILES_S3_SECRET_ACCESS_KEY": SECRET_KEY,
        "FILES_WEBHOOK_S3_TOKEN": WEBHOOK_TOKEN,
    }


def s3_core(data_dir: Path, blobs_url: str, **environ: str) -> Core:
    """A core with its records in SQLite and its bytes in the bucket."""
    return open_core(settings_for(data_dir, **s3_environ(blobs_url), **environ))
