"""Seconds from the mount of a card to its session, with the watcher as a process of its own.

``python -m benchmarks card-mounts``; needs root, exfatprogs and exfat-fuse.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.processes import SECRETS, free_port, running, wait_for_port
from benchmarks.tables import Table, percentile, spread
from files_service.gateway.auth.bearer import make_token
from files_service.ingest.identity import identify
from files_service.ingest.permission import Permission, Permissions
from files_service.ingest.service import Service
from tests.ingest.cards import attach, make_image, mount, run

MOUNTS = 20
GOAL_SECONDS = 2.0
WAIT_SECONDS = 60
CLIP_BYTES = 1_000_000


class Events:
    """The events of a watcher, each with its time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._seen: list[tuple[float, dict[str, Any]]] = []
        self._changed = threading.Condition()
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, kind: str, card_id: str = "") -> float | None:
        """Return the time of an event, None when it does not come."""

        def found() -> list[float]:
            return [at for at, event in self._seen if event["event"] == kind and event.get("card_id", "") == card_id]

        with self._changed:
            self._changed.wait_for(found, WAIT_SECONDS)
            return next(iter(found()), None)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._seen.append((time.perf_counter(), json.loads(line)))
                self._changed.notify_all()


def measure(*, mounts: int = MOUNTS) -> list[Table]:
    """Mount cards one after the other while the watcher runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        environ = {"FILES_DATA_DIR": str(folder / "data"), "FILES_HTTP": f"127.0.0.1:{port}"}
        stack.enter_context(running("-m", "files_service.cli", "gateway", log=folder / "log", **environ))
        wait_for_port(port)
        token = make_token("ann", SECRETS["FILES_JWT_SECRET"], 86_400)
        cards = _cards(
            stack, folder, Permissions(Service(url=f"http://127.0.0.1:{port}", read_token=lambda: token)), mounts
        )
        events = _watcher(stack, folder, port, token)
        events.wait("ready")
        one_by_one = [_begun(events, card_id, _mounted(loop, place)) for loop, place, card_id in cards]
        for _, place, card_id in cards:
            events.wait("card_ended", card_id)
            run("umount", place)
    table = Table(
        f"{mounts} cards, one after the other",
        ["from the mount to", "seconds", "95th percentile", "goal", "missed"],
        note=(
            "exFAT images on loop devices, allowed cards of one clip. From the end of the mount command to the "
            "watcher's event after the begun session; watcher, gateway and mounts on one machine."
        ),
    )
    seconds = [each for each in one_by_one if each is not None]
    missed = str(len(one_by_one) - len(seconds))
    table.rows.append(
        ["session begun", spread(seconds, 2), f"{percentile(seconds, 0.95):.2f}", str(GOAL_SECONDS), missed]
    )
    return [table]


def _cards(stack: ExitStack, folder: Path, permissions: Permissions, count: int) -> list[tuple[str, Path, str]]:
    """Make cards that their owner has allowed: their devices, mount points and ids."""
    cards = []
    for number in range(count):
        image, place = folder / f"{number}.img", folder / "cards" / f"{number}"
        make_image(image, {"DCIM/100GOPRO/GX010001.MP4": os.urandom(CLIP_BYTES)})
        place.mkdir(parents=True)
        loop = attach(image)
        stack.callback(run, "losetup", "--detach", loop)
        mount(loop, place)
        card = identify(place)
        run("umount", place)
        permissions.sight(card, "0" * 64)
        permissions.permit(card.card_id, Permission.ALLOWED)
        cards.append((loop, place, card.card_id))
    return cards


def _watcher(stack: ExitStack, folder: Path, port: int, token: str) -> Events:
    config = folder / "watch.toml"
    config.write_text(f'url = "http://127.0.0.1:{port}"\nplaces = ["{folder}/cards"]\nverify = "copies"\n')
    command = [sys.executable, "-m", "files_service.cli", "watch", "--config", str(config), "--json"]
    environ = {
        **os.environ,
        "FILES_TOKEN": token,
        "XDG_STATE_HOME": str(folder / "state"),
        "FILES_DATA_DIR": str(folder),
    }
    process = stack.enter_context(subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True))
    stack.callback(process.terminate)
    return Events(process)


def _mounted(loop: str, place: Path) -> float:
    mount(loop, place)
    return time.perf_counter()


def _begun(events: Events, card_id: str, mounted_at: float) -> float | None:
    # The event of the sorting follows the begin of the session.
    at = events.wait("sorted", card_id)
    return at - mounted_at if at is not None else None
