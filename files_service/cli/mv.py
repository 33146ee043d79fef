"""``files mv``: moves of files and folders."""

from __future__ import annotations

import time
import uuid

import click

from files_service.cli.records import find_by_path, find_record
from files_service.cli.remote import Remote
from files_service.cli.session import Failed, Session
from files_service.domain.sizes import number_of
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON

_LOOK_SECONDS = 1.0


@click.command()
@click.argument("source", metavar="FILE|FOLDER/")
@click.argument("target", metavar="PATH|FOLDER/")
@click.option("--owner", help="Owner of the files. Default: the token's, else me.")
@click.option("--fail", "on_conflict", flag_value="fail", help="Fail if the path is taken. Default: take a free name.")
@click.option("--merge", "on_conflict", flag_value="merge", help="Move a folder into the one that is there.")
@click.pass_obj
def mv(session: Session, source: str, target: str, owner: str | None, on_conflict: str | None) -> None:
    """Move a file, by id, alias or path, to a path or into a folder; or a folder to another path.

    What ends with / is a folder.
    """
    remote = Remote(session.client_settings)
    whose, conflict = owner or remote.owner, {"on_conflict": on_conflict} if on_conflict else {}
    if source.endswith("/"):
        _tell(_moved(remote, {"owner": whose, "path": source, "to": target, **conflict}))
        return
    place = {"folder": target} if target.endswith("/") else {"path": target}
    file = remote.call("files.move", {"file_id": _file_id(remote, whose, source), **place, **conflict})
    echo(f"{file['file_id']} {printable(file['path'])}")


def _file_id(remote: Remote, owner: str, wanted: str) -> str:
    """Return the id of the file of a path, else of an id or alias."""
    return str((find_by_path(remote, owner, wanted) or find_record(remote, owner, wanted))["file_id"])


def _moved(remote: Remote, params: JSON) -> JSON:
    """Move a folder, wait until its job has ended, and return the job."""
    job: JSON = remote.call("folders.move", {**params, "request_id": uuid.uuid4().hex})
    while job["state"] == "running":
        done, total = job["done"], job["total"]
        of_all = number_of(done, "file") if total is None else f"{done} of {number_of(total, 'file')}"
        echo(f"{of_all} moved", err=True)
        time.sleep(_LOOK_SECONDS)
        job = remote.call("jobs.info", {"job_id": job["job_id"]})
    return job


def _tell(job: JSON) -> None:
    """Print what was moved, and what stays and why. Raises Failed for a job that was cancelled."""
    way = f"{printable(job['source'])}/ to {printable(job['target'])}/"
    for error in job["errors"]:
        echo(printable(f"{error['file_id']} stays: {error['code']}: {error['message']}"), err=True)
    left = f", {job['skipped']} stay" if job["skipped"] else ""
    moved = f"{number_of(job['done'], 'file')}{left}"
    if job["state"] == "cancelled":
        raise Failed(f"the move of {way} was cancelled ({moved})", "Move it again: what was moved stays where it is.")
    echo(f"moved {way} ({moved})")
    if job["skipped"]:
        raise SystemExit(1)
