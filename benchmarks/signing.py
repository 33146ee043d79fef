"""Cost of signing download URLs: HMAC key, service account key, and Google's library as the peer."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import storage
from google.oauth2 import service_account

from benchmarks.tables import Table, spread
from files_service.api import METHODS
from files_service.config import load_settings, read_config
from files_service.core import Core
from files_service.services.opening import open_core
from storage_adapters import BlobOptions, SupportsSignedUrls, open_blob_store

FILES = 100
ROUNDS = 15
EMAIL = "files@demo.iam.gserviceaccount.com"


def measure() -> list[Table]:
    """Sign a hundred URLs, then sign the downloads of a page of a hundred private files."""
    with tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "key.json"
        key_file.write_text(json.dumps(_key_file()))
        hmac = BlobOptions(
            storage_emulator_host="https://storage.googleapis.com",
            gcs_hmac_access_id="GOOG1E",
            gcs_hmac_secret="s" * 40,
        )
        rsa_alone = replace(hmac, gcs_hmac_access_id="", gcs_hmac_secret="")
        options = {
            "HMAC key": ("gs://files", hmac),
            "service account key": (f"gs://files?credentials={key_file}", rsa_alone),
        }
        signing = Table(
            "Signing download URLs",
            ("by", "100 URLs, ms", "the same 100 again, ms"),
            note="One thread, processor time. Again: within a window, in which expensive signatures are cached.",
        )
        page = Table(
            "A page of private files",
            ("by", "files.list of 100, ms", "files.download of each, ms", "both again, ms"),
            note="Metadata in memory, called in-process; processor time.",
        )
        core = _core(Path(folder))
        for name, (url, chosen) in options.items():
            first, again = _sign(lambda url=url, chosen=chosen: open_blob_store(url, chosen))  # type: ignore[misc]
            signing.rows.append((name, spread(first, 2), spread(again, 2)))
            page.rows.append((name, *_page(core, url, chosen)))
        signing.rows.append(("Google's library, service account key", spread(_peer(key_file), 2), "-"))
        core.close()
    return [signing, page]


def _milliseconds(work: Callable[[], object]) -> float:
    """Return the processor time in milliseconds, which other programs do not affect."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1000


def _sign(opened: Callable[[], object]) -> tuple[list[float], list[float]]:
    first: list[float] = []
    again: list[float] = []
    for _ in range(ROUNDS):
        store = opened()
        assert isinstance(store, SupportsSignedUrls)
        expires_at = int(time.time() * 1000) + 10_800_000
        signer: SupportsSignedUrls = store
        for times in (first, again):
            times.append(
                _milliseconds(
                    lambda signer=signer, expires_at=expires_at: [  # type: ignore[misc]
                        signer.sign("GET", f"owner/file{number}/p0", expires_at=expires_at) for number in range(FILES)
                    ]
                )
            )
    return first, again


def _peer(key_file: Path) -> list[float]:
    credentials = service_account.Credentials.from_service_account_file(str(key_file))
    bucket = storage.Client(project="demo", credentials=credentials).bucket("files")

    def sign() -> None:
        for number in range(FILES):
            bucket.blob(f"owner/file{number}/p0").generate_signed_url(
                version="v4", method="GET", expiration=timedelta(hours=3)
            )

    return [_milliseconds(sign) for _ in range(ROUNDS)]


def _core(folder: Path) -> Core:
    environ = {
        "FILES_DATA_DIR": str(folder / "data"),
        "FILES_METADATA_URL": "memory://",
        "FILES_BLOBS_URL": "memory://?bucket=files",
    }
    core = open_core(load_settings(read_config(environ=environ)))
    for number in range(FILES):
        record = METHODS["files.upload"]({"owner": "ann", "name": f"{number}.bin", "parts": [{"size": 1}]}, core)
        part = record["parts"][0]
        core.blobs.put(part["key"], [b"x"], content_type="a/b", now=core.clock())
        METHODS["files.finish"](
            {"file_id": record["file_id"], "part_id": part["part_id"], "skip_processing": True}, core
        )
    return core


def _page(core: Core, url: str, options: BlobOptions) -> tuple[str, str, str]:
    lists, downloads, again = [], [], []
    for _ in range(ROUNDS):
        served = replace(core, blobs=open_blob_store(url, options))

        def listed(served: Core = served) -> list[str]:
            page = METHODS["files.list"]({"owner": "ann", "actor": "ann", "limit": FILES}, served)
            return [each["file_id"] for each in page["files"]]

        def downloaded(file_ids: list[str], served: Core = served) -> None:
            for file_id in file_ids:
                METHODS["files.download"]({"file_id": file_id, "actor": "ann"}, served)

        file_ids = listed()
        lists.append(_milliseconds(listed))
        downloads.append(_milliseconds(partial(downloaded, file_ids)))
        again.append(_milliseconds(lambda: downloaded(listed())))
    return spread(lists, 1), spread(downloads, 1), spread(again, 1)


def _key_file() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": "demo",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
