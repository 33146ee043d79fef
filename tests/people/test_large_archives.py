"""An archive of many files as one that downloads it has it: broken off in the middle, resumed, and opened by others."""

from __future__ import annotations

import hashlib
import http.client
import random
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from files_service.services.opening import open_core
from tests.cores import call, processed_file, settings_for
from tests.gateway.serving import Served, serving
from tests.people.links import Visitor
from tests.people.persons import cheap
from tests.scale import at_scale

FILES = at_scale(quick=20, default=100, nightly=1_000)
# 5 GiB in a nightly run.
SIZE = at_scale(quick=10_000, default=50_000, nightly=5 * 2**30 // 1_000)
PIECE = 2**20


def content(number: int) -> bytes:
    return random.Random(number).randbytes(SIZE)


@pytest.fixture
def service(disk_path: Path) -> Iterator[Served]:
    settings = settings_for(disk_path, FILES_METADATA_URL="memory://", FILES_OWNER_QUOTA_BYTES="0")
    with serving(cheap(open_core(settings))) as served:
        yield served


def receive(served: Served, path: str, target: Path, most: int | None = None, **headers: str) -> tuple[int, str]:
    """Append what comes to a file, and break the connection off after ``most`` bytes; return status and tag."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=300)) as connection:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        received = 0
        with target.open("ab") as output:
            while (most is None or received < most) and (piece := reply.read(PIECE)):
                received += output.write(piece)
        return reply.status, reply.headers["ETag"]


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_an_archive_of_many_files_is_resumed_in_the_middle_and_opens_everywhere(
    service: Served, disk_path: Path
) -> None:
    for number in range(FILES):
        record = processed_file(service.core, content(number), owner="ann", path=f"trip/{number:04}.bin", name=None)
        assert record["parts"][0]["crc32"]
    made = call(service.core, "shares.create", owner="ann", path="trip")
    path = f"{Visitor(service, made['url']).path}/zip"
    whole, resumed = disk_path / "whole.zip", disk_path / "resumed.zip"
    status, tag = receive(service, path, whole)
    assert (status, whole.stat().st_size > FILES * SIZE) == (200, True)
    receive(service, path, resumed, most=whole.stat().st_size // 2)
    middle = resumed.stat().st_size
    assert 0 < middle < whole.stat().st_size
    assert receive(service, path, resumed, None, Range=f"bytes={middle}-", **{"If-Range": tag}) == (206, tag)
    assert digest(resumed) == digest(whole)
    whole.unlink()
    subprocess.run(["unzip", "-tqq", str(resumed)], check=True, timeout=900, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(resumed) as archive:
        assert len(archive.infolist()) == FILES
        for number in range(FILES):
            assert archive.read(f"{number:04}.bin") == content(number)
