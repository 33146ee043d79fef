"""``files versions``: former contents of a file."""

from __future__ import annotations

from typing import Any

import click

from files_service.cli.records import find_record, local_time
from files_service.cli.remote import Remote
from files_service.cli.session import Session
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON

_OWNER = click.option("--owner", help="Owner of the file, for an alias. Default: the token's, else me.")


@click.group()
def versions() -> None:
    """List, restore, label and remove versions of a file. A FILE is an id, an alias or a path."""


@versions.command("list")
@click.argument("file")
@_OWNER
@click.pass_obj
def list_versions(session: Session, file: str, owner: str | None) -> None:
    """Print the versions, the newest first: id, time, size, author, label."""
    for each in _call(session, "versions.list", file, owner)["versions"]:
        echo(printable(_line(each)))


@versions.command()
@click.argument("file")
@click.argument("version_id")
@_OWNER
@click.pass_obj
def restore(session: Session, file: str, version_id: str, owner: str | None) -> None:
    """Make a version current again, as a new version."""
    record = _call(session, "versions.restore", file, owner, version_id=version_id)
    echo(f"restored {printable(version_id)} as {record['version_id']}")


@versions.command()
@click.argument("file")
@click.argument("version_id")
@click.argument("text", required=False)
@_OWNER
@click.pass_obj
def label(session: Session, file: str, version_id: str, text: str | None, owner: str | None) -> None:
    """Label a version, which keeps it from being pruned; without TEXT, take the label away."""
    _call(session, "versions.label", file, owner, version_id=version_id, label=text)
    echo(f"labelled {printable(version_id)}" if text else f"took the label from {printable(version_id)}")


@versions.command()
@click.argument("file")
@click.argument("version_id")
@_OWNER
@click.pass_obj
def remove(session: Session, file: str, version_id: str, owner: str | None) -> None:
    """Remove a former content."""
    _call(session, "versions.remove", file, owner, version_id=version_id)
    echo(f"removed {printable(version_id)}")


def _call(session: Session, method: str, file: str, owner: str | None, **params: Any) -> JSON:
    remote = Remote(session.client_settings)
    file_id = find_record(remote, owner or remote.owner, file)["file_id"]
    answer: JSON = remote.call(method, {"file_id": file_id, **params})
    return answer


def _line(each: JSON) -> str:
    mark = "current" if each["current"] else "-"
    at = local_time(each["created_at"])
    told = [each["version_id"], at, each["size"], mark, each["author"] or "-", each["label"] or ""]
    return "  ".join(map(str, told)).rstrip()
