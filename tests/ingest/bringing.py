"""Runs with a card against a real gateway, and what the service has afterwards."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_other
from errno import EIO, ENODEV
from pathlib import Path
from threading import Lock
from typing import Any

from files_service.gateway.auth.bearer import make_token
from files_service.ingest.card import Card
from files_service.ingest.identity import identify
from files_service.ingest.options import Options, Outcome
from files_service.ingest.progress import Progress, Sorting
from files_service.ingest.reader import read_at
from files_service.ingest.run import run_card
from files_service.ingest.service import Service
from files_service.ingest.window import FILE_BYTES
from tests.cores import SECRETS
from tests.gateway.owners import bearer, processed_bytes
from tests.gateway.serving import Served

OWNER = "ann"
KIB = 1_024
# Chunks of the gateways of these tests, so that small files have many.
CHUNK = 64 * KIB


def footage(seed: int = 1, *, count: int = 5, size: int = 10 * CHUNK + 7) -> dict[str, bytes]:
    """Return clips with random content, a picture, and an empty file."""
    dice = random.Random(seed)
    clips = {f"DCIM/100GOPRO/GX01{number:04}.MP4": dice.randbytes(size + number) for number in range(1, count + 1)}
    return {**clips, "DCIM/100GOPRO/GOPR9999.JPG": dice.randbytes(3 * KIB), "MISC/empty.dat": b""}


def long_clip(seed: int = 1) -> dict[str, bytes]:
    """Return a clip that is too long to come with its declaration."""
    return {"DCIM/100GOPRO/GX010099.MP4": random.Random(seed).randbytes(FILE_BYTES + CHUNK + 7)}


@dataclass
class Reading:
    """The lowest read of a card: counts, and fails as it is told."""

    bad: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)
    before: Callable[[int, int], None] = lambda descriptor, offset: None
    gone_after: int | None = None
    count: int = 0
    lock: Any = field(default_factory=Lock)

    def __call__(self, descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        self.before(descriptor, offset)
        end = offset + sum(map(len, buffers))
        with self.lock:
            if self.gone_after is not None and self.count >= self.gone_after:
                raise OSError(ENODEV, "No such device")
        for start, last in self.bad.get(os.fstat(descriptor).st_ino, ()):
            if offset < last and start < end:
                raise OSError(EIO, "Input/output error")
        done = read_at(descriptor, buffers, offset)
        with self.lock:
            self.count += done
        return done


class Told(Progress):
    """What a run told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.sorting: Sorting | None = None

    def sorted(self, found: Sorting) -> None:
        self.sorting = found

    def said(self, text: str) -> None:
        self.lines.append(text)


def service_at(port: int, read_token: Callable[[], str] | None = None) -> Service:
    """The gateway at a port of this machine."""
    token = make_token(OWNER, SECRETS["FILES_JWT_SECRET"], 86_400)
    return Service(url=f"http://127.0.0.1:{port}", read_token=read_token or (lambda: token))


def bring(served: Served, root: Path, state: Path, *, card_id: str = "", **options: Any) -> Outcome:
    """Run with the card at ``root`` and a gateway, by default at its own port."""
    service = service_at(options.pop("port", served.port), options.pop("read_token", None))
    return bring_to(service, root, state, card_id=card_id, **options)


def bring_to(service: Service, root: Path, state: Path, *, card_id: str = "", **options: Any) -> Outcome:
    """Run with the card at ``root``; no worker gives the verdict, so none is waited for.

    By default by WebSocket, whose blocks are the chunks of the gateway: so a small file has many.
    """
    card: Card = identify(root)
    if card_id:
        card = with_other(card, card_id=card_id)
    given = {
        "transport": "websocket",
        "verdict_seconds": 0,
        "first_pause_seconds": 0.01,
        "state_folder": state,
        **options,
    }
    return run_card(card, Options(**given), service)


def entries(served: Served, outcome: Outcome) -> dict[str, Any]:
    """The files of the session as the service has them, by path on the card."""
    assert outcome.session is not None
    path = f"/api/card-sessions/{outcome.session['session_id']}/files?limit=1000"
    reply = served.request("GET", path, headers=bearer(OWNER))
    assert reply.status == 200, reply.body
    return {each["path"]: each for each in reply.json["files"]}


def process_all(served: Served, outcome: Outcome) -> None:
    """Do what a worker does with the files of a session."""
    for each in entries(served, outcome).values():
        if each["status"] == "uploaded":
            served.result("files.process", file_id=each["file_id"])


def assert_identical(served: Served, outcome: Outcome, files: Mapping[str, bytes]) -> None:
    """Compare the bytes that the service has with those of the card."""
    found = entries(served, outcome)
    assert found.keys() == files.keys()
    for path, content in files.items():
        entry = found[path]
        assert (entry["status"], entry["size"]) == ("uploaded", len(content)), entry
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        if served.result("files.info", file_id=entry["file_id"])["status"] != "processed":
            served.result("files.process", file_id=entry["file_id"])
        assert processed_bytes(served, entry["file_id"]) == content


def received_bytes(served: Served) -> int:
    """Bytes that the gateway has received in chunks so far."""
    return int(served.state.metrics.uploaded_bytes._value.get())
