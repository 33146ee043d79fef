"""``files notifier``: notices to people, and ``files notify`` to try and end them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec

import click

from files_service.cli.processes import describe_stores
from files_service.cli.session import Failed, Session
from files_service.config import Settings
from files_service.core import Core
from files_service.domain.notices import Kind, Notice
from files_service.messaging.operation import OperationServer
from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.addresses import host_and_port
from files_service.runtime.lease import make_holder
from files_service.runtime.logs import configure_logging
from files_service.runtime.metrics import Metrics
from files_service.runtime.signals import listen_for_signals
from files_service.runtime.terminal import echo
from files_service.services.notices.channels import BadChannel, Channel, Sender, parse_channels
from files_service.services.notices.feed import forget
from files_service.services.notices.texts import text_of
from files_service.worker.loop import Loop
from files_service.worker.notices import NoticeCollector, NoticeWorker
from storage_adapters import StorageError, SupportsChanges, SupportsDocuments, install_command

logger = logging.getLogger(__name__)

_ADVICE = "docs/notices.md describes FILES_NOTICE_CHANNELS."


@click.command()
@click.pass_obj
def notifier(session: Session) -> None:
    """Send notices of cards, uploads and disks to the channels of FILES_NOTICE_CHANNELS and of owners.

    Several may run; one works at a time. `/healthz`, `/readyz` and `/metrics` are at FILES_METRICS_HTTP.
    """
    settings = session.settings
    channels = channels_of(settings)
    configure_logging(settings.log_level, settings.log_format)
    senders = _senders(channels)
    with session.core(making=True) as core:
        if not isinstance(core.metadata, SupportsDocuments) or not isinstance(core.metadata, SupportsChanges):
            raise Failed("the metadata store keeps no documents", "Choose another FILES_METADATA_URL.")
        describe_stores(core)
        _run(core, channels, senders)


@click.group()
def notify() -> None:
    """Try the channels of notices, or end notices."""


@notify.command(name="test")
@click.argument("name", required=False, metavar="[CHANNEL]")
@click.pass_obj
def test_channels(session: Session, name: str | None) -> None:
    """Send a test message to a channel, or to all."""
    channels = [each for each in channels_of(session.settings) if name in (None, each.name)]
    if not channels:
        raise Failed(f"there is no notice channel {name}", _ADVICE)
    refused = []
    for sender in _senders(channels):
        notice = Notice(kind=Kind.TEST, key="", at=0, facts={"channel": sender.name})
        taken = sender.send(text_of(notice))
        echo(f"{sender.name}: {'sent' if taken else 'not sent'}")
        refused += [] if taken else [sender.name]
    if refused:
        raise Failed(
            f"not taken by: {', '.join(refused)}",
            "Check the token, the chat, and that the bot may write there; docs/notices.md shows how.",
        )


@notify.command()
@click.pass_obj
def end(session: Session) -> None:
    """End notices: forget the place in the change feed, which keeps what is behind it."""
    with session.core() as core:
        echo("notices have ended" if forget(core) else "there were no notices")


def _run(core: Core, channels: list[Channel], senders: list[Sender]) -> None:
    settings, stopping = core.settings, threading.Event()
    worker = NoticeWorker(
        core,
        channels,
        senders,
        holder=make_holder(),
        stopped=stopping.is_set,
        dead_letters=_dead_letters(settings),
    )
    loop = Loop("notifier", worker.step, stopping)
    with ExitStack() as stack:
        for sender in senders:
            stack.callback(sender.close)
        _serve_operation(core, worker, loop, stack)
        signalled = listen_for_signals(on_second=lambda: os._exit(130))
        loop.start()
        logger.info("ready", extra={"channels": [channel.name for channel in channels]})
        echo("ready")
        os.read(signalled, 1)
        stopping.set()
        if loop.join(settings.stop_timeout_seconds):
            try:
                worker.give_up()
            except StorageError as error:
                logger.warning("lease not released; it will expire", extra={"error": str(error)})


def _serve_operation(core: Core, worker: NoticeWorker, loop: Loop, stack: ExitStack) -> None:
    address = core.settings.metrics_http
    if not address:
        return

    def check_loop() -> None:
        if not loop.alive:
            raise NotReady("its thread has ended")

    metrics = Metrics()
    metrics.watch(NoticeCollector(core, worker.delivery))
    parts = [Part(name="metadata", check=core.metadata.ping), Part(name="notices", check=check_loop)]
    try:
        server = OperationServer(*host_and_port(address), metrics, parts)
    except OSError as error:
        raise Failed(
            f"cannot listen on {address}: {error.strerror}",
            "Choose a different address for each process: FILES_METRICS_HTTP=127.0.0.1:9101",
        ) from error
    stack.callback(server.close)


def channels_of(settings: Settings) -> list[Channel]:
    """Return the channels of the settings. Raises Failed for a fault, and when there can be none."""
    try:
        channels = parse_channels(settings.notice_channels)
    except BadChannel as error:
        raise Failed(str(error), _ADVICE) from None
    if not channels and not settings.notice_services:
        raise Failed("there are no notice channels", "Set FILES_NOTICE_CHANNELS; docs/notices.md describes it.")
    if find_spec("apprise") is None:
        raise Failed("notices need apprise", f"Install it in the clone: {install_command('notices')}")
    return channels


def _senders(channels: list[Channel]) -> list[Sender]:
    try:
        return [Sender(channel) for channel in channels]
    except BadChannel as error:
        raise Failed(str(error), _ADVICE) from None


def _dead_letters(settings: Settings) -> Callable[[], int | None] | None:
    if not settings.amqp_uri or not settings.queue_door:
        return None
    from files_service.messaging.dead_letters import count_dead_letters

    return lambda: count_dead_letters(settings.amqp_uri)
