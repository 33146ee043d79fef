"""Memory and rate over a card of any size, made of holes: neither the card nor the stored copy takes space on a disk.

``python -m benchmarks large-card``; BENCH_LARGE_CARD_BYTES is the size of the card, BENCH_FOLDER where its folder is.
All blocks are zeros and one chunk at the service, so the rate is that of reading, hashing and sending without a disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.ingest import service
from benchmarks.processes import SECRETS
from benchmarks.tables import Table
from files_service.gateway.auth.bearer import make_token

SIZE = int(os.environ.get("BENCH_LARGE_CARD_BYTES", 50 * 10**9))
CLIPS = 10
PARTS = 5
MOST_GROWTH = 1.1
_LOOK_SECONDS = 0.5
_RECEIVED = "files_uploaded_bytes_total"


@dataclass
class Watch:
    """Samples of a run: seconds, bytes that the gateway has received, and resident MB of each process."""

    samples: list[tuple[float, float, dict[str, float]]] = field(default_factory=list)


def measure(*, size: int = SIZE) -> list[Table]:
    """Copy the card and look at all processes meanwhile."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        make_card(folder / "card", size)
        with service(folder) as (port, gateway, worker):
            watch = copy(folder, port, {"gateway": gateway.pid, "worker": worker.pid}, size)
    return [_table(watch, size)]


def make_card(root: Path, size: int) -> None:
    """Make clips that are holes from their beginning to their end."""
    place = root / "DCIM" / "100GOPRO"
    place.mkdir(parents=True)
    for number in range(CLIPS):
        path = place / f"GX01{number:04}.MP4"
        path.touch()
        # Of different lengths, so that none is known by another.
        os.truncate(path, size // CLIPS - number)
        os.utime(path, (1_700_000_000 + 60 * number,) * 2)


def copy(folder: Path, port: int, processes: dict[str, int], size: int) -> Watch:
    """Run the command to its last acknowledged byte, and sample meanwhile."""
    environ = {
        **os.environ,
        "FILES_HTTP": f"127.0.0.1:{port}",
        "FILES_DATA_DIR": str(folder / "client"),
        "FILES_TOKEN": make_token("owner", SECRETS["FILES_JWT_SECRET"], 86_400),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    options = ("--json", "--verify", "copies", "--wait-seconds", "0")
    command = [sys.executable, "-m", "files_service.cli", "ingest", *options, str(folder / "card")]
    watch, log = Watch(), folder / "ingest.log"
    with log.open("wb") as output, subprocess.Popen(command, env=environ, stdout=output, stderr=output) as process:
        watched = {"files ingest": process.pid, **processes}
        while process.poll() is None:
            received = _received(port)
            if received:
                watch.samples.append((time.monotonic(), received, _resident(watched)))
            time.sleep(_LOOK_SECONDS)
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["ending"] == "complete", last
    assert last["sent_bytes"] == sum(size // CLIPS - number for number in range(CLIPS)), last
    return watch


def _received(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as reply:
        lines = reply.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(_RECEIVED))


def _resident(processes: dict[str, int]) -> dict[str, float]:
    found = {}
    for name, pid in processes.items():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        kibibytes = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")), "0")
        found[name] = int(kibibytes) * 1024 / 1e6
    return found


def _table(watch: Watch, size: int) -> Table:
    names = list(watch.samples[0][2])
    table = Table(
        f"A card of {size / 1e9:.3g} GB in {CLIPS} files that are holes",
        ["part of the bytes", "MB/s", *(f"{name}, peak MB" for name in names)],
        note=(
            "Neither the card nor its copy takes space: all blocks are zeros, and one chunk at the service. So memory "
            f"is that of a card of this size, and the rate is one without a disk. Goal: memory grows by less than "
            f"{MOST_GROWTH} from the first part to the last."
        ),
    )
    edges = [size * number / PARTS for number in range(PARTS + 1)]
    for start, end in pairwise(edges):
        inside = [each for each in watch.samples if start <= each[1] <= end]
        if len(inside) < 2:
            continue
        rate = (inside[-1][1] - inside[0][1]) / max(1e-9, inside[-1][0] - inside[0][0]) / 1e6
        peaks = [max(each[2].get(name, 0) for each in inside) for name in names]
        table.rows.append([f"{start / size:.0%}-{end / size:.0%}", f"{rate:.0f}", *(f"{peak:.0f}" for peak in peaks)])
    return table


if __name__ == "__main__":
    for table in measure():
        print(table.markdown(), flush=True)
