"""A file of 10 GiB through a gateway with everything on: encryption, checksums, versions and quotas.

``python -m benchmarks large-file``; it takes 10 GiB of disk twice over at most, and removes them.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.blobs import _rpc
from benchmarks.door_clients import TUS, Blocks, _send, receive, send_rest
from benchmarks.processes import SECRETS, free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table
from files_service.gateway.auth.bearer import make_token

SIZE = 10 << 30
OWNERS = ("ann@acme", "bob@acme")


def measure(*, size: int = SIZE) -> list[Table]:
    """Send a version of a file, read it back, and send the same bytes for another owner of the tenant."""
    blocks, digest = Blocks(same=True), hashlib.sha256()
    for block in blocks.of(size):
        digest.update(block)
    keys, port = f"bench:{base64.b64encode(secrets.token_bytes(32)).decode()}", free_port()
    tokens = {owner: make_token(owner, SECRETS["FILES_JWT_SECRET"], 86_400) for owner in OWNERS}
    title = f"A file of {size >> 30} GiB with encryption, SHA-256, versions and quotas"
    table = Table(title, ["what", "seconds", "MB/s", "bytes on the disk afterwards"])
    with tempfile.TemporaryDirectory() as name:
        environ = {
            "FILES_DATA_DIR": name,
            "FILES_HTTP": f"127.0.0.1:{port}",
            "FILES_ENCRYPTION_KEYS": keys,
            "FILES_OWNER_QUOTA_BYTES": str(3 * size),
        }
        with running("-m", "files_service.cli", "gateway", log=Path(name) / "log", **environ) as gateway:
            wait_for_port(port)
            _rpc(port, "accounts.create_tenant", {"name": "acme"})
            for owner in OWNERS:
                _rpc(port, "accounts.create", {"name": owner.partition("@")[0], "tenant": "acme"})

            for owner, words in zip(OWNERS, ("", ", the same bytes for another owner"), strict=True):
                for what, took in _turn(port, tokens[owner], blocks, size, digest.hexdigest()).items():
                    stored = sum(path.stat().st_size for path in Path(name, "blobs").rglob("content"))
                    table.rows.append([f"{what}{words}", f"{took:.0f}", f"{size / took / 1e6:,.0f}", f"{stored:,}"])
            memory = Table("Memory of the gateway", ["figure", "value"])
            peak = peak_memory_mib(gateway.pid) * 2**20 / 1e6
            memory.rows.extend([["peak resident memory", f"{peak:.0f} MB"], ["goal", "128 MB"]])
    return [table, memory]


def _turn(port: int, token: str, blocks: Blocks, size: int, sha256: str) -> dict[str, float]:
    """Make a file, send the next version of it, and read that; return the seconds that each step took."""
    first = send_rest(port, token, Blocks(), 100_000)
    _rpc(port, "files.process", {"file_id": first})
    place, said = _begin(port, token, size, first, sha256)
    version = place.rpartition("/")[2].partition("-")[0]
    head = f"GET /api/files/{first}/download HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    request = f"{head}Authorization: Bearer {token}\r\n\r\n".encode()
    steps: dict[str, Callable[[], object]] = {
        "upload of a version, by tus": lambda: _send(port, "PATCH", place, said, blocks, size),
        "processing": lambda: _processed(port, version),
        "download, by REST": lambda: receive(port, request, size),
    }
    took = {}
    for what, act in steps.items():
        began = time.monotonic()
        act()
        took[what] = time.monotonic() - began
    return took


def _begin(port: int, token: str, size: int, file_id: str, sha256: str) -> tuple[str, dict[str, str]]:
    """Begin an upload of a version; return its path and the headers of its bytes."""
    pairs = {"version_of": file_id, "sha256": sha256}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())
    said = {**TUS, "Authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/tus/", None, {**said, "Upload-Length": str(size), "Upload-Metadata": metadata})
    location = connection.getresponse().headers["Location"]
    connection.close()
    return urlsplit(location).path, {**said, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}


def _processed(port: int, file_id: str) -> None:
    found = _rpc(port, "files.process", {"file_id": file_id})
    assert found["status"] == "processed", found
