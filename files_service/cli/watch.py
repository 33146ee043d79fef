"""``files watch``: the daemon that takes memory cards by itself, and the permissions of cards."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click
import orjson

from files_service.cli.card_service import card_service
from files_service.cli.session import Failed, Session
from files_service.cli.watch_display import Display, open_display
from files_service.errors import Unauthorized
from files_service.ingest.card import Card
from files_service.ingest.config import BadConfig, WatchConfig, load_config
from files_service.ingest.options import Ending, Options, Outcome
from files_service.ingest.permission import NoSuchCard, Permission, Permissions
from files_service.ingest.progress import Unbroken
from files_service.ingest.run import run_card
from files_service.ingest.service import Service, Unreachable
from files_service.ingest.transports.opening import TRANSPORTS
from files_service.ingest.volumes import open_volumes
from files_service.ingest.watching import Policy, Result, Watcher
from files_service.runtime.logs import configure_logging
from files_service.runtime.signals import listen_for_signals
from files_service.runtime.terminal import echo
from storage_adapters import JSON

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Watching:
    """One run of the command: the configuration, and the service that it names."""

    config: WatchConfig
    service: Service
    amqp_uri: str = field(default="", repr=False)

    @property
    def permissions(self) -> Permissions:
        """The cards at the service."""
        return Permissions(self.service)


@click.group(invoke_without_command=True)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration. Default: ~/.config/files/watch.toml",
)
@click.option("--plain", is_flag=True, help="Print lines, show no bars and ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each event, and ask nothing.")
@click.pass_context
def watch(context: click.Context, config_file: Path | None, *, plain: bool, as_json: bool) -> None:
    """Wait for memory cards and bring their files to the service, until a signal comes.

    Nothing on a card is written. Of an unknown card nothing is sent: a person is asked on a terminal, and otherwise
    `files watch allow ID` permits it.
    """
    session: Session = context.obj
    try:
        config = load_config(config_file)
        service = card_service(session.client_settings, config)
        watching = Watching(config, service, session.client_settings.amqp_uri)
        watching.service.read_token()
    except (BadConfig, Unauthorized) as error:
        raise Failed(str(error), "docs/cards.md describes the file and the token.") from error
    context.obj = watching
    if context.invoked_subcommand is None:
        configure_logging(session.client_settings.log_level, session.client_settings.log_format)
        _watch(watching, plain=plain, as_json=as_json)


@watch.command()
@click.argument("card_id", metavar="ID")
@click.pass_obj
def allow(watching: Watching, card_id: str) -> None:
    """Take this card now and whenever it is put in. ID may be the beginning of an id."""
    _permit(watching, card_id, Permission.ALLOWED)


@watch.command()
@click.argument("card_id", metavar="ID")
@click.pass_obj
def ignore(watching: Watching, card_id: str) -> None:
    """Leave this card alone. ID may be the beginning of an id."""
    _permit(watching, card_id, Permission.IGNORED)


@watch.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each card.")
@click.pass_obj
def cards(watching: Watching, *, as_json: bool) -> None:
    """List the cards that were put in, the last one first."""
    for card in _asked(watching.permissions.cards):
        echo(orjson.dumps(card).decode() if as_json else _line_of(card))


def _line_of(card: JSON) -> str:
    seen = time.strftime("%Y-%m-%d %H:%M", time.localtime(card["seen_at"] / 1000))
    return f"{card['card_id']}  {card['state']:<8}  {seen}  {card['label'] or '-'}  {card['camera'] or '-'}"


def _permit(watching: Watching, beginning: str, permission: Permission) -> None:
    def permit() -> JSON:
        card_id = watching.permissions.find(beginning)["card_id"]
        return watching.permissions.permit(card_id, permission)

    card = _asked(permit)
    echo(f"{card['state']}: {card['card_id']} {card['label'] or card['camera']}")


def _asked(call: Callable[[], T]) -> T:
    """Return the answer of the service, or fail with its error."""
    try:
        return call()
    except Unreachable as error:
        raise Failed(str(error), "Correct url in ~/.config/files/watch.toml, or FILES_PUBLIC_URL.") from error
    except NoSuchCard as error:
        raise Failed(str(error), "`files watch cards` lists all cards.") from error


def _watch(watching: Watching, *, plain: bool, as_json: bool) -> None:
    """Run the watcher until a signal."""
    config = watching.config
    signalled = listen_for_signals(on_second=lambda: os._exit(130))
    with ExitStack() as stack:
        display = open_display(stack, plain=plain, as_json=as_json)
        watcher = Watcher(
            open_volumes(places=map(Path, config.places), folders=map(Path, config.folders)),
            watching.permissions,
            lambda card, stop: _run(watching, card, stop, display),
            display.tell,
            policy=Policy(parallel=config.parallel, any_volume=config.any_volume, mount=config.mount),
            ask=display.ask,
        )
        watcher.start()
        display.line("ready")
        os.read(signalled, 1)
        watcher.stop()


def _run(watching: Watching, card: Card, stop: threading.Event, display: Display) -> Result:
    """Send one card to the service."""
    config, of_card = watching.config, watching.config.of_card(card.card_id)
    options = Options(
        verify=config.verify,
        full=config.full,
        clock_offset_ms=round(of_card.clock_offset_seconds * 1000),
        folder=of_card.folder or None,
        transport=config.transport or TRANSPORTS[0],
        amqp_uri=watching.amqp_uri,
        announce=False,
        # The watcher awaits the verdict, after the next card has the reader.
        verdict_seconds=0,
        progress=Unbroken(display.progress(card)),
        stop=stop,
    )
    outcome = run_card(card, options, watching.service)
    session_id = str((outcome.session or {}).get("session_id") or "")
    return Result(outcome.is_over, _text_of(outcome), session_id)


def _text_of(outcome: Outcome) -> str:
    counts = f"{outcome.uploaded} new, {outcome.known} known, {len(outcome.failed)} failed"
    if outcome.ending in (Ending.INTERRUPTED, Ending.REFUSED):
        return f"{outcome.ending}: {counts}: {outcome.reason}"
    return f"{outcome.ending}: {counts}; the card must not be formatted before the verdict"
