"""``files ls``: list of an owner's files."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from files_service.cli.records import show_folder, show_record, with_link
from files_service.cli.remote import Remote
from files_service.cli.session import Session
from storage_adapters import SORT_FIELDS, Access

PAGE = 100


@click.command(name="ls")
@click.option("--owner", help="Owner of the files. Default: the token's, else me.")
@click.argument("path", required=False)
@click.option("--access", type=click.Choice([each.value for each in Access]), help="Only files with this access.")
@click.option("--tag", "tags", multiple=True, help="Only files with this tag; repeatable.")
@click.option("--search", help="Only files with these words in name, alias, description or tags.")
@click.option("--order-by", type=click.Choice(SORT_FIELDS), show_default="uploaded_at")
@click.option("--order", type=click.Choice(("asc", "desc")), show_default="desc")
@click.option("--limit", type=click.IntRange(1), help="Number of lines. Default: all.")
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
    given = {name: value for name, value in filters.items() if value}
    if path is not None and given:
        raise click.UsageError("a folder is shown as it is, in the order of paths: leave PATH out, or the options")
    remote = Remote(session.client_settings)
    params = given | {"owner": owner or remote.owner, "limit": min(limit or PAGE, PAGE)}
    pages = (
        remote.pages("files.list", params) if path is None else remote.pages("folders.list", {**params, "path": path})
    )
    entries = (entry for page in pages for entry in (*page.get("folders", ()), *page["files"]))
    for entry in islice(entries, limit):
        show = show_record if "file_id" in entry else show_folder
        show(with_link(remote, entry), as_json=as_json)
