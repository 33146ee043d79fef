"""``files up`` beside an S3 bucket: bytes go straight to it over a network that breaks, and it tells of them."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from files_service.client import FilesClient, send_parts
from files_service.errors import ServiceUnavailable
from tests.cores import SECRETS
from tests.gateway.s3_cores import WEBHOOK_TOKEN, s3_environ
from tests.scale import NIGHTLY
from tests.servers.network import Network
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.servers.seaweedfs import SeaweedFS
from tests.unit.cli.running import run
from tests.waiting import PATIENCE_SECONDS, wait_until

MIB = 1024 * 1024
BIG = 300_000_000 if NIGHTLY else 40_000_000


@pytest.fixture(scope="module")
def url() -> str:
    [port] = free_ports(1)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def bucket(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A SeaweedFS that tells the service of each object."""
    with SeaweedFS(tmp_path_factory.mktemp("bucket"), webhook=f"{url}/webhooks/s3", token=WEBHOOK_TOKEN) as server:
        yield server


@pytest.fixture(scope="module")
def network(bucket: SeaweedFS) -> Iterator[Network]:
    with Network(bucket.endpoint) as network:
        yield network


@pytest.fixture(scope="module")
def files(
    url: str, network: Network, bucket: SeaweedFS, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FilesClient]:
    environ = {"FILES_HTTP": url.removeprefix("http://"), **s3_environ(bucket.store_url(network.url))}
    process = ServiceProcess(
        tmp_path_factory.mktemp("up"),
        "",
        command=("-m", "files_service.cli", "--config", "{config}", "up"),
        ready=("ready http", 1),
        environ=environ,
        # What the tests wait for comes by notification or by files.finish, not by the sweeper.
        FILES={"sweep_interval_seconds": 3_600},
    )
    with process, FilesClient(url, token=SECRETS["FILES_RPC_TOKEN"]) as client:
        yield client


def content_of(size: int, seed: int) -> bytes:
    """Bytes of which no two mebibytes are the same."""
    block = random.Random(seed).randbytes(MIB - 8)
    return b"".join(number.to_bytes(8, "big") + block for number in range(-(-size // MIB)))[:size]


def is_processed(files: FilesClient, file_id: str) -> bool:
    return files.info(file_id=file_id)["status"] == "processed"


def assert_is(files: FilesClient, file_id: str, content: bytes) -> None:
    wait_until(lambda: is_processed(files, file_id), seconds=PATIENCE_SECONDS)
    [address] = files.download(file_id=file_id)["urls"]
    answer = requests.get(address, timeout=PATIENCE_SECONDS)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()


def test_a_big_file_survives_cut_connections(files: FilesClient, network: Network) -> None:
    content = content_of(BIG, 1)
    sha256 = hashlib.sha256(content).hexdigest()
    record = files.upload(owner="ann", name="film.mp4", parts=[{"size": BIG, "sha256": sha256}])
    [declared] = record["parts"]
    network.cuts.extend(network.sent + place for place in (BIG // 6, BIG // 2, BIG * 9 // 10))
    send_parts(declared["upload"], io.BytesIO(content))
    assert not network.cuts
    done = files.finish(file_id=record["file_id"], part_id=declared["part_id"])
    assert done["status"] in ("uploaded", "processing", "processed")
    assert_is(files, record["file_id"], content)
    # Sending it again changes nothing: the upload is over.
    with pytest.raises(ServiceUnavailable, match="404"):
        send_parts(declared["upload"], io.BytesIO(content))


def test_the_bucket_tells_of_a_single_signed_request(files: FilesClient) -> None:
    record = files.upload(owner="ann", name="note", parts=[{"size": 7}], resumable=False)
    upload = record["parts"][0]["upload"]
    answer = requests.put(upload["url"], headers=upload["headers"], data=b"content", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200
    assert_is(files, record["file_id"], b"content")


@pytest.mark.parametrize("size", [7, 12 * MIB])
def test_the_command_line_puts_and_gets_files(files: FilesClient, url: str, tmp_path: Path, size: int) -> None:
    content = content_of(size, size)
    (tmp_path / "clip.bin").write_bytes(content)
    environ = {"FILES_HTTP": url.removeprefix("http://"), "FILES_TOKEN": SECRETS["FILES_RPC_TOKEN"]}
    put = run(environ, "put", str(tmp_path / "clip.bin"), "--alias", f"clip-{size}", "--owner", "ann")
    assert put.exit_code == 0, put.output
    assert json.loads(put.stdout)["status"] == "processed"
    got = run(environ, "get", f"clip-{size}", str(tmp_path / "copy.bin"), "--owner", "ann")
    assert got.exit_code == 0, got.output
    assert (tmp_path / "copy.bin").read_bytes() == content


def test_no_log_has_the_address_of_an_upload(files: FilesClient, tmp_path_factory: pytest.TempPathFactory) -> None:
    record = files.upload(owner="ann", name="note", parts=[{"size": 7}])
    signature = record["parts"][0]["upload"]["url"].rpartition("X-Amz-Signature=")[2]
    logs = [path.read_text() for path in Path(tmp_path_factory.getbasetemp()).glob("up*/log*")]
    assert logs
    assert not any(signature in log for log in logs)
