"""Uploads and downloads through a gateway on S3, beside boto3 straight on the same SeaweedFS, in turns of one run.

``python -m benchmarks s3``; run it on an idle machine.
"""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.blobs import _rpc
from benchmarks.door_clients import Blocks, receive, send_tus
from benchmarks.doors import Send, _rates
from benchmarks.processes import SECRETS, cpu_seconds, free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table, spread
from files_service.gateway.auth.bearer import make_token
from tests.servers.seaweedfs import ACCESS_KEY, BUCKET, SECRET_KEY, SeaweedFS

SIZE = 128 << 20
ROUNDS = 6
_PIECE = 1 << 20
_GOAL = "0.7"


def measure(*, size: int = SIZE, rounds: int = ROUNDS) -> list[Table]:
    """Run one server and one gateway, and send to both in turns."""
    token = make_token("bench", SECRETS["FILES_JWT_SECRET"], 86_400)
    port = free_port()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(SeaweedFS(folder / "seaweedfs", volumes=512))
        environ = {
            "FILES_DATA_DIR": str(folder / "data"),
            "FILES_HTTP": f"127.0.0.1:{port}",
            "FILES_BLOBS_URL": server.store_url(),
            "FILES_S3_ACCESS_KEY_ID": ACCESS_KEY,
            "FILES_S3_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        log = folder / "gateway.log"
        gateway = stack.enter_context(running("-m", "files_service.cli", "gateway", log=log, **environ))
        wait_for_port(port)
        client, content = server.client(), os.urandom(size)
        file_id = send_tus(port, token, Blocks(), size)
        _rpc(port, "files.process", {"file_id": file_id})
        head = f"GET /api/files/{file_id}/download HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        request = f"{head}Authorization: Bearer {token}\r\n\r\n".encode()
        client.upload_fileobj(io.BytesIO(content), BUCKET, "read")
        puts: dict[str, Send] = {
            "gateway": partial(send_tus, port, token, Blocks(), size),
            "boto3": lambda: client.upload_fileobj(io.BytesIO(content), BUCKET, "written"),
            "boto3, one request": lambda: client.put_object(Bucket=BUCKET, Key="whole", Body=content),
        }
        gets: dict[str, Send] = {
            "gateway": partial(receive, port, request, size),
            "boto3": lambda: client.download_fileobj(BUCKET, "read", io.BytesIO()),
            "boto3, one request": partial(_read, client),
        }
        table = Table(
            f"PUT and GET of {size >> 20} MiB on one SeaweedFS",
            [
                "direction",
                "by",
                "MB/s",
                "gateway of it, pair by pair",
                "goal",
                "processor ms, client and gateway",
                "processor ms, SeaweedFS",
            ],
            note=(
                "In turns, median with least and greatest. The gateway takes a tus upload in one PATCH, hashes each "
                "chunk and the whole, and stores chunks of 4 MiB by conditional PUT; boto3 sends parts of 8 MiB in ten "
                "threads and hashes each. All processes share the two cores. The goal is that of boto3's own transfer. "
                "One request that streams is the least that a client can do: a gateway receives and sends each byte "
                "once more, on the same cores."
            ),
        )
        weed = server.processes["server"].pid
        for direction, sends in (("PUT", puts), ("GET", gets)):
            runs = {by: Runs(send, [os.getpid(), gateway.pid], [weed]) for by, send in sends.items()}
            rates = _rates({**runs}, size, rounds)
            for by, values in rates.items():
                ratios = [one / other for one, other in zip(rates["gateway"], values, strict=True)]
                ratio, goal = ("", "") if by == "gateway" else (spread(ratios, 2), _GOAL if by == "boto3" else "")
                costs = [spread(values) for values in (runs[by].near, runs[by].far)]
                table.rows.append([direction, by, spread(values), ratio, goal, *costs])
        memory = Table("Memory of the gateway", ["figure", "value"])
        memory.rows.append(["peak resident memory", f"{peak_memory_mib(gateway.pid):.0f} MiB"])
        client.close()
    return [table, memory]


class Runs:
    """A call whose processor time is kept, in milliseconds: that of the near processes, and that of the far ones."""

    def __init__(self, send: Send, near: list[int], far: list[int]) -> None:
        self._send, self._pids = send, (near, far)
        self.near: list[float] = []
        self.far: list[float] = []

    def __call__(self) -> None:
        """Make the call once."""
        before = [cpu_seconds(pids) for pids in self._pids]
        self._send()
        for kept, pids, used in zip((self.near, self.far), self._pids, before, strict=True):
            kept.append((cpu_seconds(pids) - used) * 1_000)


def _read(client: Any) -> None:
    body = client.get_object(Bucket=BUCKET, Key="read")["Body"]
    while body.read(_PIECE):
        pass
