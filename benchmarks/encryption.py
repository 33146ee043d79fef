"""Uploads and downloads of an encrypting gateway beside a plain one, in turns of one run.

``python -m benchmarks encryption``; run it on an idle machine.
"""

from __future__ import annotations

import base64
import secrets
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.blobs import _rpc
from benchmarks.door_clients import Blocks, receive, send_tus
from benchmarks.doors import SIZE, Send, _rates
from benchmarks.processes import SECRETS, free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table, spread
from files_service.gateway.auth.bearer import make_token

ROUNDS = 4
GOALS = {"upload, by tus": "0.6 of plain", "download, by REST": "1 000 MB/s"}


def measure(*, size: int = SIZE, rounds: int = ROUNDS) -> list[Table]:
    """Run both gateways at once and send to them in turns."""
    token = make_token("bench", SECRETS["FILES_JWT_SECRET"], 86_400)
    keys = f"bench:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    ports = {"plain": free_port(), "encrypted": free_port()}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, gateways = Path(name), {}
        for kind, port in ports.items():
            environ = {"FILES_DATA_DIR": str(folder / kind), "FILES_HTTP": f"127.0.0.1:{port}"}
            if kind == "encrypted":
                environ["FILES_ENCRYPTION_KEYS"] = keys
            gateway = running("-m", "files_service.cli", "gateway", log=folder / f"{kind}.log", **environ)
            gateways[kind] = stack.enter_context(gateway)
        for port in ports.values():
            wait_for_port(port)
        ups: dict[str, Send] = {kind: partial(send_tus, port, token, Blocks(), size) for kind, port in ports.items()}
        table = Table(
            f"Encryption, with files of {size >> 20} MiB",
            ["what", "plain, MB/s", "encrypted, MB/s", "encrypted of plain", "goal"],
            note="In turns, median with least and greatest. Each upload has other bytes.",
        )
        _add(table, "upload, by tus", ups, size, rounds)
        _add(table, "download, by REST", {k: _download(port, token, size) for k, port in ports.items()}, size, rounds)
        memory = Table("Memory of the encrypting gateway", ["figure", "value"])
        peak = peak_memory_mib(gateways["encrypted"].pid) * 2**20 / 1e6
        memory.rows.extend([["peak resident memory", f"{peak:.0f} MB"], ["goal", "128 MB"]])
    return [table, memory]


def _download(port: int, token: str, size: int) -> Send:
    file_id = send_tus(port, token, Blocks(), size)
    _rpc(port, "files.process", {"file_id": file_id})
    head = f"GET /api/files/{file_id}/download HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return lambda: receive(port, f"{head}Authorization: Bearer {token}\r\n\r\n".encode(), size)


def _add(table: Table, what: str, sends: dict[str, Send], size: int, rounds: int) -> None:
    rates = _rates(sends, size, rounds)
    ratios = [one / other for one, other in zip(rates["encrypted"], rates["plain"], strict=True)]
    table.rows.append([what, spread(rates["plain"]), spread(rates["encrypted"]), spread(ratios, 2), GOALS[what]])
