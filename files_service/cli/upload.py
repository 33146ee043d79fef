"""Upload of one local file: declare, send, wait until it is processed."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from files_service.cli.progress import Advance, shown_progress
from files_service.cli.queue_put import put_by_queue
from files_service.cli.remote import Remote
from files_service.cli.session import Failed
from files_service.cli.sources import Source
from files_service.domain.local_names import readable_name
from files_service.errors import FilesError, NotFound
from storage_adapters import JSON, FileStatus

if TYPE_CHECKING:
    from files_service.client.results import Address

PIECE = 1024 * 1024
FIRST_ASK_SECONDS, ASK_SECONDS = 0.02, 0.2
ADVICE = "Put it again when nothing writes to it."
_WAITED_FOR = (FileStatus.UPLOADED, FileStatus.PROCESSING)


def send_file(
    remote: Remote, source: Source, *, content_type: str, queue_uri: str | None = None, **said: str | None
) -> JSON:
    """Declare a file and send its bytes; return its record. ``said`` are further parameters of files.upload.

    With ``queue_uri`` the bytes go over this broker, and by HTTP if it does not take them.

    Raises FilesError, and Failed if the file cannot be read.
    """
    try:
        with _opened(source.path) as file:
            before = os.fstat(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            _require_unchanged(source.path, file, before, size)
            part = {"content_type": content_type, "size": size, "sha256": sha256}
            # A repeated call finds the file of the first one.
            request = {"request_id": uuid.uuid4().hex, "name": source.name, "parts": [part]}
            declared: JSON = remote.call("files.upload", {**said, **request})
            with _removed_after_failure(remote, declared["file_id"]):
                with shown_progress(source.name, size) as advance:
                    waiting = declared["parts"][0]
                    told = queue_uri is not None and put_by_queue(queue_uri, waiting.get("amqp"), file, size, advance)
                    told = told or _send_bytes(remote, waiting["upload"], file, size, advance)
                _require_unchanged(source.path, file, before, size)
                if not told:
                    remote.call("files.finish", {"file_id": declared["file_id"], "part_id": waiting["part_id"]})
            return declared
    except OSError as error:
        raise Failed(f"cannot read {source.shown}: {error.strerror}") from error


@contextmanager
def _removed_after_failure(remote: Remote, file_id: str) -> Iterator[None]:
    """Remove a file that could not be put: else its alias, path and room are taken until its upload expires."""
    try:
        yield
    except BaseException as error:
        # A gateway that does not answer is not waited for a second time.
        if not isinstance(error.__cause__, TimeoutError):
            with suppress(FilesError, Failed):
                remote.call("files.remove", {"file_id": file_id})
        raise


def _send_bytes(remote: Remote, upload: JSON, file: BinaryIO, size: int, advance: Advance) -> bool:
    """Send bytes to their address; return False when nobody has told the service, as after those to a bucket."""
    if upload["protocol"] != "s3-multipart":
        sent = 0

        def count(length: int) -> None:
            nonlocal sent
            sent += length
            advance(length)

        def attempt() -> bool:
            nonlocal sent
            # What an earlier attempt has sent is sent again.
            advance(-sent)
            sent = file.seek(0)
            return remote.put(upload["url"], _pieces(file, size, count), upload["headers"])

        return remote.patiently(attempt)
    # A client library that only this needs.
    from files_service.client.parts import send_parts

    send_parts(cast("Address", upload), file)
    advance(size)
    return False


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader | BufferedRandom]:
    """Open a file; copy a pipe or a file without a size, as in /proc, to a temporary file first."""
    with path.open("rb") as source:
        state = os.fstat(source.fileno())
        if stat.S_ISREG(state.st_mode) and state.st_size:
            yield source
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy, PIECE)
            copy.seek(0)
            yield copy


def _require_unchanged(path: Path, file: BinaryIO, before: os.stat_result, size: int) -> None:
    now = os.fstat(file.fileno())
    if (now.st_size, now.st_mtime_ns) != (size, before.st_mtime_ns):
        raise Failed(f"{readable_name(str(path))} changed while it was read", ADVICE)


def _pieces(file: BinaryIO, size: int, advance: Advance) -> Iterator[bytes]:
    # A file that grows is cut at the declared size; the check after the upload names it.
    left = size
    while piece := file.read(min(PIECE, left)):
        left -= len(piece)
        yield piece
        advance(len(piece))
    if left:
        raise Failed("the file became shorter: it changed while it was read", ADVICE)


def processed(remote: Remote, file_id: str, seconds: float, *, version_of: str | None = None) -> JSON:
    """Return the record once the worker has processed the file; that of the other file, once it has this version."""
    end, pause = time.monotonic() + seconds, FIRST_ASK_SECONDS
    asked = threading.Event()
    while True:
        record = _record(remote, file_id, version_of)
        has_ended = record["status"] not in _WAITED_FOR
        if has_ended and (version_of in (None, record["file_id"]) or record["status"] == FileStatus.FAILED):
            return record
        if time.monotonic() > end:
            raise Failed(
                f"file {file_id} was uploaded but is still {record['status']} after {seconds:g} s",
                "Is a worker running? Start `files worker`, or `files up` for everything.",
            )
        asked.wait(pause)
        pause = min(ASK_SECONDS, 2 * pause)


def _record(remote: Remote, upload_id: str, file_id: str | None) -> JSON:
    """Return the record of an upload, or that of the file of which it has become a version.

    The upload is read first: it is deleted after the file has its content.
    """
    try:
        record: JSON = remote.call("files.info", {"file_id": upload_id})
    except NotFound:
        absorbed = _absorbed(remote, upload_id, file_id) if file_id is not None else None
        if absorbed is None:
            raise
        return absorbed
    return record if file_id is None else _absorbed(remote, upload_id, file_id) or record


def _absorbed(remote: Remote, upload_id: str, file_id: str) -> JSON | None:
    """Return the record of a file once the upload is one of its versions."""
    record: JSON = remote.call("files.info", {"file_id": file_id})
    has_it = upload_id in (record["version_id"], *(each["version_id"] for each in record["versions"]))
    return record if has_it else None
