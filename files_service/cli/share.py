"""``files share``: links to files, made by the running gateway."""

from __future__ import annotations

import io
import uuid
from typing import Any

import click
import segno

from files_service.cli.outcomes import Outcomes
from files_service.cli.records import find_record
from files_service.cli.remote import Remote
from files_service.cli.session import Session
from files_service.domain.shares import ShareKind
from files_service.runtime.clock import now_ms
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON

_DAY_MS = 86_400_000
_KINDS = click.Choice([kind.value for kind in ShareKind])
_OWNER = click.option("--owner", help="Owner of the files. Default: the token's, else me.")


@click.group()
def share() -> None:
    """Share files by links."""


@share.command()
@click.argument("files", nargs=-1, metavar="[FILE...]")
@_OWNER
@click.option("--version", "version_id", help="Version that is shown of the one FILE, whatever comes later.")
@click.option("--folder", help="Folder that is shared, or that takes files, in place of files.")
@click.option("--kind", type=_KINDS, help="view: read; collect: also add; drop: add and see nothing. Default: view.")
@click.option("--title", help="Title of the page.")
@click.option("--message", help="Text on the page.")
@click.option("--label", help="Name of the link, for its owner alone.")
@click.option("--password", "protect", is_flag=True, help="Ask for a password that visitors must give.")
@click.option(
    "--days", type=click.IntRange(1, 36_500), help="Days until the link closes. Default: the rule of the tenant."
)
@click.option("--downloads", type=click.IntRange(1), help="Number of downloads. Default: any.")
@click.option("--view-only", is_flag=True, help="Show previews, and allow no downloads.")
@click.option("--qr", is_flag=True, help="Print the link as a QR code, too.")
@click.pass_obj
def create(
    session: Session,
    /,
    files: tuple[str, ...],
    owner: str | None,
    *,
    version_id: str | None,
    folder: str | None,
    protect: bool,
    days: int | None,
    downloads: int | None,
    view_only: bool,
    qr: bool,
    **texts: str | None,
) -> None:
    """Make a link to files or a folder and print it.

    A FILE is an id, an alias or a path; a private one becomes shared.
    """
    if version_id is not None and len(files) != 1:
        raise click.UsageError("--version needs one FILE.")
    remote = Remote(session.client_settings)
    params: dict[str, Any] = {name: value for name, value in texts.items() if value is not None}
    params |= {"owner": owner or remote.owner, "max_downloads": downloads, "allow_download": not view_only}
    params |= {"path": folder} if folder is not None else {}
    if protect:
        params["password"] = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if days is not None:
        params["expires_at"] = now_ms() + days * _DAY_MS
    params["items"] = [find_record(remote, params["owner"], each)["file_id"] for each in files]
    if version_id is not None:
        params["versions"] = dict.fromkeys(params["items"], version_id)
    # A repeated call finds the link of the first one.
    link = remote.call("shares.create", {**params, "request_id": uuid.uuid4().hex})["url"]
    echo(link)
    if qr:
        drawn = io.StringIO()
        segno.make(link, micro=False).terminal(drawn, compact=True)
        echo(drawn.getvalue().rstrip("\n"))


@share.command("list")
@_OWNER
@click.pass_obj
def list_shares(session: Session, owner: str | None) -> None:
    """Print the links of an owner, the newest first: id, state, downloads, link, label."""
    remote = Remote(session.client_settings)
    for found in remote.pages("shares.list", {"owner": owner or remote.owner, "limit": 100}):
        for each in found["shares"]:
            echo(printable(_line(each)))


@share.command()
@click.argument("share_ids", nargs=-1, required=True, metavar="SHARE_ID...")
@click.pass_obj
def revoke(session: Session, share_ids: tuple[str, ...]) -> None:
    """Close links; running downloads end, too."""
    remote, outcomes, count = Remote(session.client_settings), Outcomes(several=len(share_ids) > 1), 0
    for share_id in share_ids:
        with outcomes.of(share_id):
            remote.call("shares.revoke", {"share_id": share_id})
            count += 1
            echo(f"revoked {printable(share_id)}")
    outcomes.end(f"{count} of {len(share_ids)} links revoked")


def _line(each: JSON) -> str:
    most = each["max_downloads"]
    used = f"{each['used']} of {most}" if most is not None else str(each["used"])
    return f"{each['share_id']}  {each['state']}  {used}  {each['url']}  {each['label']}".rstrip()
