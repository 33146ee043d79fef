"""``files export``: the tree of a card, as a session has brought it, in a folder."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import click

from files_service.cli.download import Download, save_to
from files_service.cli.export_proofs import RECEIPT, write_proofs
from files_service.cli.remote import Remote, Unreachable
from files_service.cli.session import Failed, Session
from files_service.cli.sessions import entries_of
from files_service.domain.cards import ARCHIVED, JUNK_COUNT, count_of, fault_of_path
from files_service.domain.local_names import readable_name
from files_service.domain.mhl import FOLDER
from files_service.domain.sizes import number_of
from files_service.errors import FilesError
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON


class NotExported(Exception):
    """A file that is not written, and the reason; the others are."""


@dataclass(slots=True)
class Outcome:
    """Numbers of files that were written, were there already, and failed; ``size`` is that of the first two."""

    written: int = 0
    kept: int = 0
    failed: int = 0
    size: int = 0


@click.command()
@click.argument("session_id", metavar="SESSION")
@click.argument("to", metavar="DEST", type=click.Path(path_type=Path))
@click.pass_obj
def export(session: Session, session_id: str, to: Path) -> None:
    """Write the files of a card's session into a folder, with their paths and times on the card.

    Each file is compared with its SHA-256 on the card. What is there with the same bytes stays; a file with other bytes
    is never overwritten. Repeat the command to go on after an interruption. A session with a verdict gets a manifest of
    the ASC Media Hash List and its signed receipt in the folder `ascmhl`.
    """
    remote = Remote(session.client_settings)
    found = remote.call("cards.session", {"session_id": session_id})
    outcome = export_session(remote, session_id, to)
    is_sealed = not outcome.failed and found["verdict"] is not None
    manifest = write_proofs(remote, found, to) if is_sealed else None
    written, size = number_of(outcome.written, "file"), number_of(outcome.size, "byte")
    echo(f"{written} written, {outcome.kept} were there, {outcome.failed} failed, {size}")
    if manifest is not None:
        echo(f"manifest {FOLDER}/{manifest}, receipt {FOLDER}/{RECEIPT}")
    if outcome.failed:
        raise Failed("not all files of the session are in the folder", "Repeat the command once this is mended.")


def export_session(remote: Remote, session_id: str, to: Path) -> Outcome:
    """Write the files of a session; print the reasons of those that are not written. Raises FilesError, Failed."""
    outcome = Outcome()
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"cannot make the folder {to}: {error.strerror}", "Choose another DEST.") from error
    for entry in entries_of(remote, session_id):
        if count_of(entry) == JUNK_COUNT:
            continue
        try:
            was_there = _export(remote, entry, to)
        except NotExported as error:
            outcome.failed += 1
            echo(printable(f"{entry['path']}: {error}"), err=True)
            continue
        outcome.kept += was_there
        outcome.written += not was_there
        outcome.size += entry["size"]
    return outcome


def _export(remote: Remote, entry: JSON, to: Path) -> bool:
    """Write a file; return True when it was there already. Raises NotExported."""
    if entry["status"] not in ARCHIVED:
        raise NotExported(f"it is not in the archive: {entry['status']}")
    if not entry["sha256"]:
        raise NotExported("its SHA-256 on the card is not known")
    try:
        target = _target(to, entry["path"])
        was_there = _is_there(target, entry)
        if not was_there:
            _save(remote, entry, target)
        # The file is the same: it has its time again also where a former run ended before.
        os.utime(target, ns=(entry["mtime_at"] * 1_000_000,) * 2)
    except OSError as error:
        raise NotExported(f"cannot write it: {error.strerror}") from error
    return was_there


def _target(to: Path, path: str) -> Path:
    """Return the path to write, whose folders are made. Raises NotExported for one that leads out of the folder."""
    if fault_of_path(path) is not None or "\0" in path:
        raise NotExported("its path leads out of the folder")
    target = to.joinpath(*path.split("/"))
    target.parent.mkdir(parents=True, exist_ok=True)
    # A link in the folder may lead elsewhere.
    if not target.parent.resolve().is_relative_to(to.resolve()):
        raise NotExported("a link leads out of the folder")
    return target


def _is_there(target: Path, entry: JSON) -> bool:
    """Return True when the file is there. Raises NotExported for another one in its place."""
    try:
        state = target.lstat()
    except FileNotFoundError:
        return False
    if not S_ISREG(state.st_mode) or state.st_size != entry["size"] or _sha256_of(target) != entry["sha256"]:
        raise NotExported(f"{readable_name(str(target))} exists and is another file")
    return True


def _save(remote: Remote, entry: JSON, target: Path) -> None:
    try:
        record = remote.call("files.info", {"file_id": entry["file_id"]})
        [part] = record["parts"]
        if part["sha256"] not in (None, entry["sha256"]) or part["size"] != entry["size"]:
            raise NotExported("the archive has other bytes than the card")
        save_to(Download(remote, record["file_id"], part), target, force=False)
    except (Unreachable, NotExported):
        raise
    except (FilesError, Failed, ValueError) as error:
        raise NotExported(str(error)) from error
    if part["sha256"] is None and _sha256_of(target) != entry["sha256"]:
        target.unlink()
        raise NotExported("the archive has other bytes than the card")


def _sha256_of(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
