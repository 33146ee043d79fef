"""``files sessions``: the sessions of memory cards, and one of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice

import click
import orjson

from files_service.cli.records import is_terminal, local_time
from files_service.cli.remote import Remote
from files_service.cli.session import Session
from files_service.domain.sizes import number_of
from files_service.runtime.terminal import echo, printable
from storage_adapters import JSON

_FILES = 1_000
_PAGE = 100


@click.command()
@click.argument("session_id", required=False)
@click.option("--owner", help="Owner of the cards. Default: the token's, else me.")
@click.option("--files", "with_files", is_flag=True, help="Also print the files of the session.")
@click.option("--limit", type=click.IntRange(1), help="Number of sessions. Default: all.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line; the default unless on a terminal."
)
@click.pass_obj
def sessions(
    session: Session,
    session_id: str | None,
    owner: str | None,
    limit: int | None,
    *,
    with_files: bool,
    as_json: bool,
) -> None:
    """List the sessions in which memory cards were copied, the newest first; or print one with its verdict.

    A line has id, begin, state, files, bytes and card, and below it the verdict.
    """
    remote, as_json = Remote(session.client_settings), as_json or not is_terminal(sys.stdout)
    if session_id is None:
        for each in islice(_sessions(remote, owner or remote.owner), limit):
            _show(each, as_json=as_json)
        return
    _show(remote.call("cards.session", {"session_id": session_id}), as_json=as_json, reasons=True)
    for entry in entries_of(remote, session_id) if with_files else ():
        text = f"{entry['status']:<10}  {entry['size']:>14}  {entry['path']}"
        echo(orjson.dumps(entry) if as_json else printable(text))


def entries_of(remote: Remote, session_id: str) -> Iterator[JSON]:
    """Yield the files of a session in the order of their paths. Raises FilesError."""
    for found in remote.pages("cards.files", {"session_id": session_id, "limit": _FILES}):
        yield from found["files"]


def _sessions(remote: Remote, owner: str) -> Iterator[JSON]:
    for found in remote.pages("cards.sessions", {"owner": owner, "limit": _PAGE}):
        yield from found["sessions"]


def _show(session: JSON, *, as_json: bool, reasons: bool = False) -> None:
    if as_json:
        echo(orjson.dumps(session))
        return
    from rich.filesize import decimal

    begun, files = local_time(session["started_at"]), f"{session['files_done']}/{number_of(session['files'], 'file')}"
    card = session["label"] or session["camera"] or session["card_id"]
    told = [session["session_id"], begun, session["state"], files, decimal(session["bytes_done"]), card]
    echo(printable("  ".join(told)))
    verdict = session["verdict"]
    if verdict is not None:
        echo(printable(f"  {verdict['text']}"))
    for each in verdict["reasons"] if reasons and verdict is not None else ():
        echo(printable(f"  {each['code']}: {each.get('path', '')} {each['detail']}"))
