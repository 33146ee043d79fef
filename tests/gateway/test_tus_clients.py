"""tuspy, a client that others wrote, uploads through the gateway."""

from __future__ import annotations

import hashlib
import io
import random

import pytest
from tusclient.client import TusClient

from tests.gateway.owners import bearer, processed_bytes
from tests.gateway.serving import Served


@pytest.mark.parametrize("piece", [2**62, 700_000, 5 * 2**20])
def test_a_large_file_becomes_a_processed_one(served: Served, piece: int) -> None:
    content = random.Random(piece).randbytes(50 * 2**20 + 17)
    client = TusClient(f"http://127.0.0.1:{served.port}/tus/", headers=bearer("ann"))
    uploader = client.uploader(
        file_stream=io.BytesIO(content), chunk_size=piece, metadata={"filename": "clip.bin", "filetype": "video/mp4"}
    )
    uploader.upload()
    file_id = uploader.url.rpartition("/")[2].partition("-")[0]
    record = served.result("files.process", file_id=file_id)
    assert (record["status"], record["name"], record["size"]) == ("processed", "clip.bin", len(content))
    assert record["parts"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert processed_bytes(served, file_id) == content
