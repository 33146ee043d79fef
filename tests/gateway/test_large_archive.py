"""An archive beyond 4 GiB, read to its end by Python's zipfile through ranges: it is nowhere whole on a disk."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import pytest

from tests.cores import call, sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving
from tests.scale import at_scale

FILES, SIZE = at_scale(quick=(20, 50_000), default=(60, 50_000), nightly=(330, 16 * 2**20 + 1))
CONTENTS = 4
BLOCK = 4 * 2**20


class Ranges(io.RawIOBase):
    """A file of which a gateway sends ranges."""

    def __init__(self, served: Served, url: str, size: int) -> None:
        self._served, self._url, self._size, self._at = served, url, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), self._size - self._at)
        if count <= 0:
            return 0
        span = f"bytes={self._at}-{self._at + count - 1}"
        reply = self._served.request("GET", self._url, None, {**bearer("ann"), "Range": span})
        assert (reply.status, len(reply.body)) == (206, count)
        buffer[:count] = reply.body
        self._at += count
        return count


@pytest.mark.timeout(3_600)
def test_zipfile_reads_an_archive_to_its_end_through_ranges(tmp_path: Path) -> None:
    # Some contents in turn: each is stored once, so the files take no space, and neighbours differ.
    contents = [random.Random(seed).randbytes(SIZE) for seed in range(CONTENTS)]
    with serving(sqlite_core(tmp_path)) as served:
        ids = []
        for number in range(FILES):
            name = f"/api/files/upload?name={number:04}.bin"
            file_id = served.request("POST", name, contents[number % CONTENTS], bearer("ann")).json["file_id"]
            call(served.core, "files.process", file_id=file_id)
            ids.append(file_id)
        body = json.dumps({"file_ids": ids}).encode()
        made = served.request("POST", "/api/archives", body, {"Content-Type": "application/json", **bearer("ann")}).json
        assert made["size"] > FILES * SIZE
        with zipfile.ZipFile(io.BufferedReader(Ranges(served, made["url"], made["size"]), BLOCK)) as archive:
            entries = archive.infolist()
            assert [each.filename for each in entries] == [f"{number:04}.bin" for number in range(FILES)]
            for number, entry in enumerate(entries):
                # Reading to the end compares the checksum, too.
                assert archive.read(entry) == contents[number % CONTENTS]
