"""Download of one part: read in ranges that continue after a lost connection, verified, and put in place at once."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from files_service.cli.progress import shown_progress
from files_service.cli.remote import Remote, Unreachable
from files_service.cli.session import Failed
from files_service.errors import FilesError
from files_service.runtime.backoff import STATUSES_OF_PROXIES, delay_after
from storage_adapters import JSON

PIECE = 1024 * 1024
MOST_FAILURES = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Download:
    """One part of a file at a gateway."""

    remote: Remote
    file_id: str
    part: JSON

    @property
    def size(self) -> int:
        """The number of bytes."""
        return int(self.part["size"])

    def digest(self) -> tuple[hashlib._Hash, str] | None:
        """Begin the strongest checksum that the record has; None if it has none."""
        for name in ("sha256", "md5"):
            if expected := self.part.get(name):
                return hashlib.new(name, usedforsecurity=False), str(expected)
        return None

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from this position on; continue after a lost connection while the bytes are the same."""
        place, failures = start, 0
        tags: list[str] = []
        while True:
            fault: Exception = ConnectionResetError("the answer was cut")
            try:
                for piece in self._read(place, tags):
                    place, failures = place + len(piece), 0
                    yield piece
            except (OSError, http.client.HTTPException, Unreachable) as error:
                fault = error
            except FilesError as error:
                if error.http_status not in STATUSES_OF_PROXIES:
                    raise
                fault = error
            if place >= self.size:
                return
            failures += 1
            if failures > MOST_FAILURES:
                raise fault if isinstance(fault, Unreachable | FilesError) else self.remote.unreachable(fault)
            time.sleep(delay_after(failures - 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE))

    def _read(self, place: int, tags: list[str]) -> Iterator[bytes]:
        """Yield pieces of one answer; keep the entity tag of the first one for those after it."""
        if place >= self.size:
            return
        with self.remote.get(*self._request(place, tags)) as response:
            if response.status != (206 if place else 200):
                self._refuse(response)
            tags.append(response.headers.get("ETag", ""))
            # What has arrived is kept, also when the connection breaks before a piece is full.
            while piece := response.read1(PIECE):
                yield piece

    def _request(self, place: int, tags: Sequence[str]) -> tuple[str, Mapping[str, str]]:
        """Return a fresh address, which may have expired since the last request, and the conditions."""
        asked = {"file_id": self.file_id, "parts": [self.part["part_id"]]}
        [url] = self.remote.call("files.download", asked)["urls"]
        tag = tags[0] if tags else ""
        if url.startswith(f"{self.remote.url}/") and self.part.get("sha256"):
            tag = f'"{self.part["sha256"]}"'
        ranged = {"Range": f"bytes={place}-"} if place else {}
        return url, ranged | ({"If-Match": tag} if tag else {})

    def _refuse(self, response: http.client.HTTPResponse) -> None:
        if response.status == 412:
            raise Failed(f"the bytes of {self.file_id} are no longer those of its record", "Get it again.")
        self.remote.result(response.status, response.read(PIECE))
        raise Failed(f"the bytes of {self.file_id} were answered with status {response.status}")


def write_to(download: Download, output: BinaryIO, name: str) -> None:
    """Write the bytes to a stream; raise Failed at the end if they are not those of the record."""
    with shown_progress(name, download.size) as advance:
        digest = download.digest()
        for piece in download.pieces():
            output.write(piece)
            advance(len(piece))
            if digest is not None:
                digest[0].update(piece)
    output.flush()
    _require(digest, download)


def save_to(download: Download, target: Path, *, force: bool) -> None:
    """Save the bytes as a file, which appears with all of them or not at all.

    Bytes that an interrupted download has left beside the target are kept and read before it continues.
    """
    draft = target.with_name(f".{download.file_id}.{download.part['part_id']}.draft")
    with _locked(draft) as file:
        digest = download.digest()
        done = _read_again(file, download, digest)
        with shown_progress(target.name, download.size, done=done) as advance:
            for piece in download.pieces(done):
                file.write(piece)
                advance(len(piece))
                if digest is not None:
                    digest[0].update(piece)
        file.flush()
        os.fsync(file.fileno())
        try:
            _require(digest, download)
        except Failed:
            draft.unlink()
            raise
        _put_in_place(draft, target, force=force)


@contextmanager
def _locked(draft: Path) -> Iterator[BinaryIO]:
    """Open a draft, or make it, for one process; one without a byte is not kept."""
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(f"another command is getting this file into {draft.parent}", "Wait until it ends.") from None
        try:
            yield file
        except BaseException:
            if not os.fstat(descriptor).st_size:
                draft.unlink(missing_ok=True)
            raise


def _read_again(file: BinaryIO, download: Download, digest: tuple[hashlib._Hash, str] | None) -> int:
    """Return the number of bytes in a draft, after they entered the digest; empty a draft that is too long."""
    if os.fstat(file.fileno()).st_size > download.size:
        file.truncate(0)
    while piece := file.read(PIECE):
        if digest is not None:
            digest[0].update(piece)
    return file.tell()


def _require(digest: tuple[hashlib._Hash, str] | None, download: Download) -> None:
    if digest is not None and digest[0].hexdigest() != digest[1]:
        raise Failed(
            f"the bytes of {download.file_id} are not those of its record: the {digest[0].name} differs",
            "Get it again.",
        )


def _put_in_place(draft: Path, target: Path, *, force: bool) -> None:
    if not force:
        try:
            # A link never replaces a file that has appeared meanwhile.
            os.link(draft, target)
            draft.unlink()
            return
        except FileExistsError:
            raise Failed(f"{target} exists", "Choose another path, or add --force to replace it.") from None
        except OSError:
            pass  # a file system without links
    draft.replace(target)
