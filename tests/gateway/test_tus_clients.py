"""Clients that others wrote, tuspy and tus-js-client, upload through the gateway, over good networks and bad ones."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests.gateway.cutting_proxy import cutting
from tests.gateway.owners import bearer, processed_bytes
from tests.gateway.serving import Served

MIB = 2**20
CONTENT = random.Random(11).randbytes(12 * MIB + 17)
SAID = {"filename": "clip.bin", "filetype": "video/mp4"}


def assert_arrived(served: Served, url: Any, content: bytes) -> None:
    file_id = url.rpartition("/")[2].partition("-")[0]
    record = served.result("files.process", file_id=file_id)
    assert (record["status"], record["name"], record["size"]) == ("processed", "clip.bin", len(content))
    assert record["parts"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert processed_bytes(served, file_id) == content


def installed_client() -> Path:
    """Where `.ci/servers` puts tus-js-client."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "files-service" / "tus-client"


def drive(port: int, folder: Path, **options: Any) -> Any:
    """Have tus-js-client upload; returns what it says."""
    node = shutil.which("node")
    if node is None or not (installed_client() / "node_modules").exists():
        raise RuntimeError("tus-js-client is needed: make servers")
    source = folder / "source"
    source.write_bytes(CONTENT)
    token = bearer("ann")["Authorization"].partition(" ")[2]
    told = {
        "endpoint": f"http://127.0.0.1:{port}/tus/",
        "token": token,
        "file": str(source),
        "metadata": SAID,
        **options,
    }
    script = Path(__file__).with_name("tus_client.mjs")
    done = subprocess.run(
        [node, str(script), str(installed_client()), json.dumps(told)], capture_output=True, timeout=300, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("size", "piece", "checked"), [(50 * MIB + 17, 2**62, False), (12 * MIB, 700_000, True), (12 * MIB, 5 * MIB, True)]
)
def test_tuspy_uploads(gateway: Served, size: int, piece: int, checked: bool) -> None:
    content = (CONTENT * 5)[:size]
    client = TusClient(f"http://127.0.0.1:{gateway.port}/tus/", headers=bearer("ann"))
    uploader = client.uploader(
        file_stream=io.BytesIO(content), chunk_size=piece, metadata=SAID, upload_checksum=checked
    )
    uploader.upload()
    assert_arrived(gateway, uploader.url, content)


def test_tuspy_stops_and_goes_on(gateway: Served) -> None:
    client = TusClient(f"http://127.0.0.1:{gateway.port}/tus/", headers=bearer("ann"))
    first = client.uploader(file_stream=io.BytesIO(CONTENT), chunk_size=MIB, metadata=SAID)
    first.upload(stop_at=3 * MIB)
    second = client.uploader(file_stream=io.BytesIO(CONTENT), chunk_size=4 * MIB, url=first.url)
    assert second.offset == 3 * MIB
    second.upload()
    assert_arrived(gateway, first.url, CONTENT)


@pytest.mark.parametrize("seed", range(3))
def test_tuspy_gets_through_a_bad_network(gateway: Served, seed: int) -> None:
    with cutting(gateway.port, accidents=6, seed=seed) as proxy:
        client = TusClient(f"http://127.0.0.1:{proxy.port}/tus/", headers=bearer("ann"))
        url = None
        for _ in range(30):
            try:
                uploader = client.uploader(
                    file_stream=io.BytesIO(CONTENT), chunk_size=3 * MIB, metadata=SAID, url=url, upload_checksum=True
                )
                url = uploader.url or uploader.create_url()
                uploader.set_url(url)
                uploader.offset = uploader.get_offset()
                uploader.upload()
                break
            except (TusCommunicationError, OSError):
                continue
    assert proxy.met == 6
    assert url is not None
    assert_arrived(gateway, url, CONTENT)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunkSize": 5_000_000},
        {"early": True},
        {"defer": True, "chunkSize": 4_000_000},
        {"parallel": 3},
        {"pauseAt": 5_000_000, "chunkSize": MIB},
    ],
    ids=["whole", "pieces", "with-creation", "deferred", "parallel", "paused"],
)
def test_tus_js_client_uploads(gateway: Served, tmp_path: Path, options: dict[str, Any]) -> None:
    answer = drive(gateway.port, tmp_path, **options)
    assert_arrived(gateway, answer["url"], CONTENT)


def test_tus_js_client_ends_an_upload(gateway: Served, tmp_path: Path) -> None:
    answer = drive(gateway.port, tmp_path, pauseAt=3_000_000, chunkSize=MIB, terminate=True)
    path = answer["url"].partition(f":{gateway.port}")[2]
    reply = gateway.request("HEAD", path, headers={"Tus-Resumable": "1.0.0", **bearer("ann")})
    assert reply.status == 410


@pytest.mark.parametrize(
    "options", [{"chunkSize": 3_000_000}, {"parallel": 3}, {"defer": True, "chunkSize": 2_000_000}], ids=str
)
def test_tus_js_client_gets_through_a_bad_network(gateway: Served, tmp_path: Path, options: dict[str, Any]) -> None:
    with cutting(gateway.port, accidents=6, seed=5) as proxy:
        answer = drive(proxy.port, tmp_path, **options)
        assert "error" not in answer, answer
    assert_arrived(gateway, answer["url"], CONTENT)
