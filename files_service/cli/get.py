"""``files get``: download of a file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from files_service.cli.download import Download, save_to, write_to
from files_service.cli.records import find_record
from files_service.cli.remote import Remote
from files_service.cli.session import Failed, Session
from files_service.domain.filenames import safe_name, split_suffix
from files_service.domain.local_names import readable_name
from files_service.errors import NotFound
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON

LONGEST_BYTES = 255
STDOUT = Path("-")


@click.command()
@click.argument("wanted", metavar="FILE")
@click.argument("to", required=False, type=click.Path(path_type=Path), metavar="[PATH]")
@click.option("--owner", help="Owner of the alias. Default: the token's, else me.")
@click.option("--part", help="Id of the part. Default: the first.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.pass_obj
def get(session: Session, wanted: str, to: Path | None, owner: str | None, part: str | None, *, force: bool) -> None:
    """Download a file, and verify its bytes. A FILE is an id, an alias or a path.

    PATH is a file, a folder or - for standard output; without it, the file gets its own name in this folder. A download
    that was interrupted continues where it ended. The file appears only when it is whole.
    """
    remote = Remote(session.client_settings)
    try:
        record = find_record(remote, owner or remote.owner, wanted)
        download = Download(remote, record["file_id"], _part_of(record, part))
        if to == STDOUT:
            write_to(download, sys.stdout.buffer, record["name"])
            return
        target = _target(record, part, to)
        _require_free(target, force=force)
        save_to(download, target, force=force)
        echo(printable(readable_name(str(target))))
    except BrokenPipeError:
        raise
    except OSError as error:
        path = error.filename or to or record["name"]
        raise Failed(f"cannot write {readable_name(str(path))}: {error.strerror}") from error


def _part_of(record: JSON, part_id: str | None) -> JSON:
    for part in record["parts"]:
        if part_id in (None, part["part_id"]):
            found: JSON = part
            return found
    raise NotFound("the file has no such part", {"parts": [part["part_id"] for part in record["parts"]]})


def _target(record: JSON, part: str | None, to: Path | None) -> Path:
    """Return the path to write. A record's name is free text: it never leaves the folder."""
    if to is not None and not to.is_dir():
        return to
    stem, suffix = split_suffix(safe_name(record["name"]))
    ending = f"-{part}{suffix}" if part else suffix
    room = LONGEST_BYTES - len(ending.encode())
    return (to or Path()) / f"{stem.encode()[:room].decode(errors='ignore')}{ending}"


def _require_free(target: Path, *, force: bool) -> None:
    if target.exists() and not target.is_file():
        raise Failed(f"{readable_name(str(target))} is not a file", "Use - for standard output.")
    if not force and (target.exists() or target.is_symlink()):
        raise Failed(f"{readable_name(str(target))} exists", "Choose another path, or add --force to replace it.")
