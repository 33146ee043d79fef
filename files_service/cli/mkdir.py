"""``files mkdir``: a new folder."""

from __future__ import annotations

import click

from files_service.cli.outcomes import Outcomes
from files_service.cli.remote import Remote
from files_service.cli.session import Session
from files_service.runtime.terminal import echo, printable


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FOLDER...")
@click.option("--owner", help="Owner of the folders. Default: the token's, else me.")
@click.pass_obj
def mkdir(session: Session, paths: tuple[str, ...], owner: str | None) -> None:
    """Make folders, and those in which they lie. One that is there stays as it is."""
    remote, outcomes, count = Remote(session.client_settings), Outcomes(several=len(paths) > 1), 0
    for path in paths:
        with outcomes.of(path):
            made = remote.call("folders.create", {"owner": owner or remote.owner, "path": path})
            count += 1
            echo(f"{printable(made['path'])}/")
    outcomes.end(f"{count} of {len(paths)} folders made")
