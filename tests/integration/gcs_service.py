"""``files up`` whose bytes go to a Cloud Storage, and what a client of it does."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any, Self

import requests

from files_service.core import Core
from files_service.services.opening import open_core
from storage_adapters import JSON
from tests.adapters.gcs_buckets import ACCESS_ID, SECRET
from tests.cores import announced, call, settings_for
from tests.fakes.gcs import FakeGcs
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess

PUSHER = "pusher@demo.iam.gserviceaccount.com"
WAIT_SECONDS = 300


class GcsService:
    """The service beside a bucket, while it is entered, and a second look at its stores.

    ``storage_url`` is where the storage listens, ``google`` vouches for whoever pushes notifications to ``webhook``.
    """

    def __init__(self, folder: Path, blobs_url: str, storage_url: str, google: FakeGcs) -> None:
        [port] = free_ports(1)
        self.webhook = f"http://127.0.0.1:{port}/webhooks/gcs/pubsub"
        environ = {
            "FILES_HTTP": f"127.0.0.1:{port}",
            "FILES_BLOBS_URL": blobs_url,
            "STORAGE_EMULATOR_HOST": storage_url,
            "FILES_GCS_HMAC_ACCESS_ID": ACCESS_ID,
            "FILES_GCS_HMAC_SECRET": SECRET,
            "FILES_WEBHOOK_EMAIL": PUSHER,
            "FILES_WEBHOOK_CERTS_URL": f"{google.url}/oauth2/v3/certs",
            # A test looks for secrets in all that can be logged.
            "FILES_LOG_LEVEL": "DEBUG",
        }
        self.process = ServiceProcess(
            folder,
            "",
            command=("-m", "files_service.cli", "--config", "{config}", "up"),
            ready=("ready http", 1),
            environ=environ,
            # What the tests wait for comes by notification, not by the sweeper.
            FILES={"sweep_interval_seconds": 3_600},
        )
        self.core: Core = open_core(settings_for(self.process.data_dir, **environ))

    def __enter__(self) -> Self:
        self.process.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.__exit__(None, None, None)
        self.core.close()

    def declare(self, *contents: bytes, **params: Any) -> JSON:
        """Begin an upload of a film of these parts."""
        parts = [
            {
                "size": len(each),
                "content_type": "video/mp4",
                "md5": hashlib.md5(each, usedforsecurity=False).hexdigest(),
            }
            for each in contents
        ]
        return call(self.core, "files.upload", owner="ann", name="film.mp4", parts=parts, **params)

    def wait_until_processed(self, file_id: str) -> JSON:
        """Wait for the notification and the processing that follows."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (record := call(self.core, "files.info", file_id=file_id))["status"] != "processed":
            assert time.monotonic() < deadline, (record, self.process.log()[-6_000:])
            time.sleep(0.05)
        return record

    def assert_completed_once(self, file_id: str, *contents: bytes) -> JSON:
        """Wait until the file is processed: announced once each, and the bytes are these; returns the record."""
        record = self.wait_until_processed(file_id)
        assert announced(self.core, file_id) == ["created", "uploaded", "processed"]
        urls = call(self.core, "files.download", file_id=file_id)["urls"]
        for url, content in zip(urls, contents, strict=True):
            answer = requests.get(url, timeout=WAIT_SECONDS)
            assert answer.status_code == 200
            assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
        return record


def put(upload: JSON, content: bytes) -> None:
    """Send a part by its single signed request."""
    answer = requests.request(
        upload["method"], upload["url"], headers=upload["headers"], data=content, timeout=WAIT_SECONDS
    )
    assert answer.status_code == 200, answer.text
