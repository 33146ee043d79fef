"""``files rm``: removal of files."""

from __future__ import annotations

import sys

import click

from files_service.cli import records
from files_service.cli.outcomes import Outcomes
from files_service.cli.remote import Remote
from files_service.cli.session import Session
from files_service.domain.sizes import number_of
from files_service.runtime.terminal import echo, printable


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--owner", help="Owner of the aliases. Default: the token's, else me.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rm(session: Session, files: tuple[str, ...], owner: str | None, *, yes: bool) -> None:
    """Remove files for good. A FILE is an id, an alias or a path.

    Asks for each file on a terminal. A file that cannot be removed does not stop the others.
    """
    remote, outcomes = Remote(session.client_settings), Outcomes(several=len(files) > 1)
    ask, count = records.is_terminal(sys.stdin) and not yes, 0
    for wanted in files:
        with outcomes.of(wanted):
            record = records.find_record(remote, owner or remote.owner, wanted)
            file_id, name = record["file_id"], printable(record["name"])
            if ask and not click.confirm(f"Remove {name} ({file_id})?", err=True):
                continue
            remote.call("files.remove", {"file_id": file_id})
            count += 1
            echo(f"removed {file_id} {name}")
    outcomes.end(f"{count} of {number_of(len(files), 'file')} removed")
