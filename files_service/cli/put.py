"""``files put``: upload of a local file."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import BinaryIO

import click

from files_service.cli.call import show
from files_service.cli.local_names import readable_name, type_of_name
from files_service.cli.remote import Remote, failure_of
from files_service.cli.session import Failed, Session
from files_service.errors import FilesError
from storage_adapters import JSON, FileStatus

PIECE = 1024 * 1024
ASK_SECONDS = 0.2
ADVICE = "Put it again when nothing writes to it."
_WAITED_FOR = (FileStatus.UPLOADED, FileStatus.PROCESSING)


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", default="me", show_default=True, help="Owner of the file.")
@click.option("--name", help="Name of the file. Default: the name on disk.")
@click.option("--content-type", help="Media type. Default: guessed from the name, else from the bytes.")
@click.option(
    "--wait-seconds", type=click.IntRange(0), default=600, show_default=True, help="Seconds to wait for processing."
)
@click.pass_obj
def put(
    session: Session, path: Path, owner: str, name: str | None, content_type: str | None, wait_seconds: int
) -> None:
    """Upload a local file and wait until it is processed.

    Prints the record once the file is processed or has failed. A pipe is copied to a temporary file first; a file that
    changes while it is read is an error.
    """
    remote = Remote(session.settings)
    part: JSON = {"content_type": content_type or type_of_name(path.name)}
    try:
        with _opened(path) as file:
            before = os.fstat(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            _require_unchanged(path, file, before, size)
            part |= {"size": size, "sha256": sha256}
            said = {"owner": owner, "name": readable_name(name or path.name), "parts": [part]}
            declared = remote.call("files.upload", said)
            _send(remote, declared["parts"][0]["upload"], file, size)
            _require_unchanged(path, file, before, size)
        show(_processed(remote, declared["file_id"], wait_seconds))
    except FilesError as error:
        raise failure_of(error) from error
    except OSError as error:
        raise Failed(f"cannot read {readable_name(str(path))}: {error.strerror}") from error


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


def _send(remote: Remote, upload: JSON, file: BinaryIO, size: int) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("upload", total=size)

        def pieces() -> Iterator[bytes]:
            # A file that grows is cut at the declared size; the check after the upload names it.
            left = size
            while piece := file.read(min(PIECE, left)):
                left -= len(piece)
                yield piece
                progress.advance(task, len(piece))
            if left:
                raise Failed("the file became shorter: it changed while it was read", ADVICE)

        remote.put(upload["url"], pieces(), upload["headers"])


def _processed(remote: Remote, file_id: str, seconds: float) -> JSON:
    """Return the record once the worker has processed the file."""
    end = time.monotonic() + seconds
    asked = threading.Event()
    while True:
        record: JSON = remote.call("files.info", {"file_id": file_id})
        if record["status"] not in _WAITED_FOR:
            return record
        if time.monotonic() > end:
            raise Failed(
                f"file {file_id} was uploaded but is still {record['status']} after {seconds:g} s",
                "Is a worker running? Start `files worker`, or `files up` for everything.",
            )
        asked.wait(ASK_SECONDS)
