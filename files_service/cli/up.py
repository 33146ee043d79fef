"""``files up``: all processes in one command."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from files_service.cli.children import ChildProcess
from files_service.cli.processes import open_publisher, serve_http
from files_service.cli.queues import open_queue
from files_service.cli.session import Session
from files_service.cli.token import sign_in_link
from files_service.config import Settings
from files_service.core import Core
from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.logs import configure_logging
from files_service.runtime.terminal import echo

if TYPE_CHECKING:
    from files_service.worker.run import Worker

logger = logging.getLogger(__name__)

OWNER = "me"
SIGN_IN_SECONDS = 12 * 3_600
LEAST_STOP_SECONDS = 2.0


@click.command()
@click.pass_obj
def up(session: Session) -> None:
    """Run everything in one command.

    Starts the gateway and the worker, the nameko service if AMQP_URI is set, the ingest worker if FILES_QUEUE_DOOR is
    on, the syncer if FILES_LIST_URL is set, and the notifier if FILES_NOTICE_CHANNELS or FILES_NOTICE_SERVICES is set.
    The default needs no server: SQLite and a folder.
    """
    from files_service.runtime.metrics import Metrics
    from files_service.worker.metrics import WorkerCollector
    from files_service.worker.run import Worker

    settings = session.settings
    configure_logging(settings.log_level, settings.log_format)
    with session.core(making=True) as core:
        publisher = open_publisher(settings)
        metrics = Metrics()
        worker = Worker(core, publisher, queue=open_queue(settings), metrics=metrics)
        metrics.watch(WorkerCollector(worker))
        children = _children(session)

        def on_ready(url: str) -> None:
            # Start the parts only now: if the address is taken, nothing must have begun.
            worker.start()
            _take_calls(settings)
            for child in children:
                child.start()
            echo(_way_in(core, url))
            echo(f"ready {url}")

        deadline = math.inf

        def on_stopping() -> None:
            nonlocal deadline
            # All parts stop at the same time and share one deadline.
            deadline = time.monotonic() + settings.stop_timeout_seconds
            for child in children:
                child.begin_to_stop()

        try:
            serve_http(core, on_ready, on_stopping, metrics, _parts(worker, children))
        finally:
            worker.stop(_left(deadline))
            for child in children:
                child.stop(_left(deadline))
            publisher.close()


def _take_calls(settings: Settings) -> None:
    """Declare the queues of calls, so that one that is sent right after ``ready`` waits for the nameko service."""
    from amqp.exceptions import AMQPError

    from files_service.api import METHODS
    from files_service.messaging.address import open_connection
    from files_service.messaging.readiness import BROKER_TIMEOUT_SECONDS
    from files_service.messaging.rpc.topology import declare_service

    if not settings.amqp_uri:
        return
    try:
        with open_connection(settings.amqp_uri, connect_timeout=BROKER_TIMEOUT_SECONDS) as connection:
            channel = connection.channel()
            for service in sorted({method.rpartition(".")[0] for method in METHODS}):
                declare_service(channel, service, queue_type=settings.queue_type)
    except (OSError, ValueError, AMQPError) as error:
        # The nameko service tries again until the broker is there.
        logger.warning("no queues for calls yet", extra={"error": str(error)})


def _children(session: Session) -> list[ChildProcess]:
    settings = session.settings
    options = ["--config", session.config_path] if session.config_path else []
    children = []
    if settings.notice_channels or settings.notice_services:
        from files_service.cli.notifier import channels_of

        channels_of(settings)
        # The nameko service has the address of the metrics.
        taken = {"FILES_METRICS_HTTP": ""} if settings.amqp_uri else {}
        children.append(ChildProcess("notifier", "files_service.cli", *options, "notifier", environ=taken))
    if settings.amqp_uri:
        children.append(ChildProcess("rpc", "files_service.cli", *options, "rpc"))
    if settings.queue_door:
        from files_service.cli.ingest_worker import require_door

        require_door(settings)
        # The address of metrics is taken by the other child.
        environ = {"FILES_METRICS_HTTP": ""}
        children.append(ChildProcess("ingest", "files_service.cli", *options, "ingest-worker", environ=environ))
    if settings.list_url and settings.list_writes:
        # Pass URLs in the environment: they contain passwords, and other users can read a command line.
        environ = {"FILES_METADATA_URL": settings.metadata_url, "FILES_LIST_URL": settings.list_url}
        environ |= {"FILES_LOG_LEVEL": settings.log_level, "FILES_LOG_FORMAT": settings.log_format}
        children.append(ChildProcess("syncer", "syncer", "run", environ=environ))
    return children


def _parts(worker: Worker, children: Sequence[ChildProcess]) -> list[Part]:
    def check_worker() -> None:
        if not worker.alive():
            raise NotReady("a worker thread has ended: " + ", ".join(worker.ended()))

    # The children are restarted and their work can wait, so they are not required.
    parts = [Part(name=child.name, check=child.check, required=False) for child in children]
    return [Part(name="worker", check=check_worker), *parts]


def _left(deadline: float) -> float:
    """Return the seconds until the deadline, or a short minimum when there is none or little time is left."""
    return max(LEAST_STOP_SECONDS, deadline - time.monotonic()) if deadline < math.inf else LEAST_STOP_SECONDS


def _way_in(core: Core, url: str) -> str:
    """Return the line that says how to sign in: by a link for one owner, or where people have accounts by these."""
    from files_service.services.accounts.invites import create_setup
    from files_service.services.accounts.registration import accounts_are_on

    if not accounts_are_on(core):
        return f"sign in {sign_in_link(url, OWNER, core.settings.jwt_secret, SIGN_IN_SECONDS)}"
    code = create_setup(core)
    return f"sign in {url}/sign-in" if code is None else f"set up {url}/join#{code}"
