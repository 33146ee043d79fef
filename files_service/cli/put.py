"""``files put``: upload of local files and folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from files_service.cli.outcomes import Outcomes
from files_service.cli.records import show_record, with_link
from files_service.cli.remote import Remote
from files_service.cli.session import Failed, Session
from files_service.cli.sources import Source, sources_of
from files_service.cli.upload import processed, send_file
from files_service.domain.local_names import readable_name, type_of_name
from files_service.domain.sizes import number_of
from files_service.runtime.terminal import echo, printable
from storage_adapters import Access, FileStatus


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--owner", help="Owner of the files. Default: the token's, else me.")
@click.option("--name", help="Name of a single file. Default: the name on disk.")
@click.option("--to", metavar="FOLDER", help="Folder of the service in which the files get their paths; / is the top.")
@click.option("--alias", help="Alias of a single file, unique among the owner's: a name for get and rm.")
@click.option("--content-type", help="Media type. Default: guessed from the name, else from the bytes.")
@click.option(
    "--access",
    type=click.Choice([each.value for each in Access]),
    default=Access.PRIVATE.value,
    show_default=True,
    help="Readers of the files; unlisted and public ones have a link, which is printed.",
)
@click.option("--version-of", metavar="FILE_ID", help="File of which a single file is the next version.")
@click.option(
    "--wait-seconds", type=click.IntRange(0), default=600, show_default=True, help="Seconds to wait for processing."
)
@click.option("--queue", is_flag=True, help="Send the bytes over the broker of AMQP_URI, to the queue door.")
@click.pass_obj
def put(
    session: Session,
    paths: tuple[Path, ...],
    owner: str | None,
    name: str | None,
    to: str | None,
    alias: str | None,
    content_type: str | None,
    access: str,
    version_of: str | None,
    wait_seconds: int,
    *,
    queue: bool,
) -> None:
    """Upload files and folders, and wait until they are processed.

    Prints a line for each file, as JSON unless on a terminal. The files of a folder keep its name and their place in
    it as their path, `photos/2024/a.jpg`, with --to below that folder. A pipe is copied to a temporary file first; a
    file that changes while it is read is an error, and does not stop the others.
    """
    several = len(paths) > 1 or paths[0].is_dir()
    if several and (name is not None or alias is not None):
        raise click.UsageError("--name and --alias are for a single file")
    if version_of is not None and (several or name is not None or alias is not None or access != Access.PRIVATE.value):
        raise click.UsageError("--version-of is for a single file, whose name, alias and access stay")
    if to is not None and (name is not None or version_of is not None):
        raise click.UsageError("--to gives files their paths; --name and --version-of are for a file without one")
    queue_uri = session.client_settings.amqp_uri if queue else None
    if queue_uri == "":
        raise click.UsageError("--queue needs AMQP_URI")
    remote, outcomes = Remote(session.client_settings), Outcomes(several=several)
    found = list(sources_of(paths, skip=_say_skipped, fail=lambda path, why: outcomes.note(str(path), why)))
    if name is not None:
        found = [replace(source, name=readable_name(name)) for source in found]

    def send(source: Source) -> str:
        kind = content_type or type_of_name(source.path.name)
        said: dict[str, str | None] = {"owner": owner or remote.owner}
        said |= {"version_of": version_of} if version_of is not None else {"alias": alias, "access": access}
        # Without --to, a file that lies in no folder has no path.
        if to is not None or "/" in source.place:
            said["path"] = f"{(to or '').strip('/')}/{source.place}".lstrip("/")
        return str(send_file(remote, source, content_type=kind, queue_uri=queue_uri, **said)["file_id"])

    def finish(file_id: str) -> None:
        record = with_link(remote, processed(remote, file_id, wait_seconds, version_of=version_of))
        show_record(record)
        if record["status"] == FileStatus.FAILED:
            raise Failed(f"{file_id} was uploaded, but processing failed", "See `files call files.info`.")

    count = _in_turn(found, send, finish, outcomes)
    outcomes.end(f"{count} of {number_of(len(found), 'file')} put")


def _in_turn(
    sources: Sequence[Source], send: Callable[[Source], str], finish: Callable[[str], None], outcomes: Outcomes
) -> int:
    """Send each file while the one before it is processed; return the number of those that are done."""
    count = 0
    waiting: tuple[Source, str] | None = None
    for source in (*sources, None):
        sent: tuple[Source, str] | None = None
        if source is not None:
            with outcomes.of(source.shown):
                sent = (source, send(source))
        if waiting is not None:
            with outcomes.of(waiting[0].shown):
                finish(waiting[1])
                count += 1
        waiting = sent
    return count


def _say_skipped(path: Path, reason: str) -> None:
    echo(f"left out {printable(readable_name(str(path)))}: {reason}", err=True)
