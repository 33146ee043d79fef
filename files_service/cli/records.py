"""Records of files on the command line: finding one, its link, and its line."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import datetime
from typing import IO, Any

import orjson

from files_service.cli.remote import Remote
from files_service.errors import NotFound
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON, Access, FileStatus

_FILE_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LINKED = (Access.UNLISTED, Access.PUBLIC)


def find_record(remote: Remote, owner: str, wanted: str) -> JSON:
    """Return the record of a file, named by its id, its owner's alias, or its path. Raises FilesError."""
    addresses = [{"owner": owner, "alias": wanted}]
    if _FILE_ID.fullmatch(wanted):
        addresses.insert(0, {"file_id": wanted})
    for address in addresses:
        with suppress(NotFound):
            found: JSON = remote.call("files.info", address)
            return found
    record = find_by_path(remote, owner, wanted)
    if record is None:
        raise NotFound("no file has this id, alias or path", {"file": wanted})
    return record


def find_by_path(remote: Remote, owner: str, path: str) -> JSON | None:
    """Return the record of the file at a path, None when there is none. Raises FilesError."""
    condition = {"owner": owner, "prefix": path, "filter": {"path": path}, "limit": 1}
    found: list[JSON] = remote.call("files.list", condition)["files"]
    return found[0] if found else None


def with_link(remote: Remote, record: JSON) -> JSON:
    """Add the address of the page of a file that everybody with the link may read."""
    if record.get("access") not in _LINKED:
        return record
    return {**record, "link": f"{remote.url}/download/{record['file_id']}"}


def is_terminal(stream: IO[str]) -> bool:
    """Return True when a person reads or writes the other end."""
    return stream.isatty()


def show_record(record: JSON, *, as_json: bool = False) -> None:
    """Print a record: a line for people on a terminal, a line of JSON elsewhere."""
    if as_json or not is_terminal(sys.stdout):
        echo(orjson.dumps(record))
        return
    # Names are foreign text: none of them begins a line of its own.
    echo(printable(_line(record)))
    if "link" in record:
        echo(f"  {record['link']}")


def show_folder(folder: JSON, *, as_json: bool = False) -> None:
    """Print a folder, as ``show_record`` does a record."""
    echo(orjson.dumps(folder) if as_json or not is_terminal(sys.stdout) else printable(f"{folder['path']}/"))


def _line(record: JSON) -> str:
    from rich.filesize import decimal

    at = local_time(record["uploaded_at"] or record["created_at"])
    status = "" if record["status"] == FileStatus.PROCESSED else f" ({_state(record)})"
    return f"{record['file_id']}  {decimal(record['size']):>8}  {at}  {record['access']:<8}  {record['name']}{status}"


def _state(record: JSON) -> str:
    error: dict[str, Any] | None = record.get("error")
    return f"{record['status']}: {error['message']}" if error else str(record["status"])


def local_time(milliseconds: int) -> str:
    """Return a time as people on this machine write it."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
