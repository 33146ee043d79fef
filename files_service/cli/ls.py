"""``files ls``: list of an owner's files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from files_service.cli.records import show_record, with_link
from files_service.cli.remote import Remote, failure_of
from files_service.cli.session import Session
from files_service.errors import FilesError
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON, SORT_FIELDS, Access

PAGE = 100


@click.command(name="ls")
@click.option("--owner", help="Owner of the files. Default: the token's, else me.")
@click.argument("path", required=False)
@click.option("--access", type=click.Choice([each.value for each in Access]), help="Only files with this access.")
@click.option("--tag", "tags", multiple=True, help="Only files with this tag; repeatable.")
@click.option("--search", help="Only files with these words in name, alias, description or tags.")
@click.option("--order-by", type=click.Choice(SORT_FIELDS), default="uploaded_at", show_default=True)
@click.option("--order", type=click.Choice(("asc", "desc")), default="desc", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="Number of files. Default: all.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line; the default unless on a terminal."
)
@click.pass_obj
def ls(
    session: Session, /, *, path: str | None, owner: str | None, limit: int | None, as_json: bool, **filters: Any
) -> None:
    """List an owner's files, the newest first; or what lies in the folder PATH, "/" for the top.

    A line has id, size, time of upload, access and name, and the link of a file that everybody with it may read.
    """
    remote = Remote(session.client_settings)
    params = {name: value for name, value in filters.items() if value} | {"owner": owner or remote.owner}
    try:
        if path is not None:
            show_folder(remote, params["owner"], path, as_json=as_json)
            return
        for record in islice(_files(remote, params, limit), limit):
            show_record(with_link(remote, record), as_json=as_json)
    except FilesError as error:
        raise failure_of(error) from error


def show_folder(remote: Remote, owner: str, path: str, *, as_json: bool) -> None:
    """Print the folders and files of a folder, page by page."""
    page: dict[str, Any] = {"owner": owner, "path": path}
    while True:
        found = remote.call("folders.list", page)
        for folder in found["folders"]:
            echo(printable(f"{folder['path']}/"))
        for record in found["files"]:
            show_record(with_link(remote, record), as_json=as_json)
        if found["next_cursor"] is None:
            return
        page["cursor"] = found["next_cursor"]


def _files(remote: Remote, params: dict[str, Any], limit: int | None) -> Iterator[JSON]:
    """Yield the files of all pages."""
    page = {**params, "limit": min(limit or PAGE, PAGE)}
    while True:
        found = remote.call("files.list", page)
        yield from found["files"]
        if found["next_cursor"] is None:
            return
        page["cursor"] = found["next_cursor"]
