"""``files rm``: removal of files, for good or into the trash."""

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
@click.option("--trash", is_flag=True, help="Move them to the trash; files.restore takes them back.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rm(session: Session, files: tuple[str, ...], owner: str | None, *, trash: bool, yes: bool) -> None:
    """Remove files for good, or into the trash. A FILE is an id, an alias or a path.

    Asks for each file on a terminal, but not with --trash. A file that cannot be removed does not stop the others.
    """
    remote, outcomes = Remote(session.client_settings), Outcomes(several=len(files) > 1)
    ask, count = records.is_terminal(sys.stdin) and not (yes or trash), 0
    for wanted in files:
        with outcomes.of(wanted):
            record = records.find_record(remote, owner or remote.owner, wanted)
            file_id, name = record["file_id"], printable(record["name"])
            if ask and not click.confirm(f"Remove {name} ({file_id})?", err=True):
                continue
            gone = remote.call("files.trash" if trash else "files.remove", {"file_id": file_id})
            count += 1
            # A file that was never finished has nothing to take back.
            echo(f"{'removed' if gone['removed'] else 'trashed'} {file_id} {name}")
    outcomes.end(f"{count} of {number_of(len(files), 'file')} removed")
