"""``files gateway``, ``files worker``, ``files rpc``: one process type each."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from files_service.cli.queues import open_queue
from files_service.cli.session import Failed, Session, opening_stores
from files_service.config import Settings
from files_service.core import Core
from files_service.messaging.events import EventPublisher, LogPublisher
from files_service.messaging.readiness import Part
from files_service.runtime.addresses import host_and_port
from files_service.runtime.logs import QUIET, configure_logging
from files_service.runtime.memory import give_buffers_back
from files_service.runtime.metrics import Metrics
from files_service.runtime.signals import listen_for_signals
from files_service.runtime.terminal import echo
from storage_adapters import capabilities

if TYPE_CHECKING:
    from files_service.gateway.routes import Door

logger = logging.getLogger(__name__)

DESCRIPTORS = 65_536


@click.command()
@click.pass_obj
def gateway(session: Session) -> None:
    """Run the HTTP server."""
    configure_logging(session.settings.log_level, session.settings.log_format)
    with session.core(making=True) as core:
        serve_http(core, lambda url: echo(f"ready {url}"))


@click.command()
@click.pass_obj
def worker(session: Session) -> None:
    """Run the worker: publish events, process files, clean up."""
    from files_service.worker.metrics import WorkerCollector
    from files_service.worker.run import Worker

    settings = session.settings
    configure_logging(settings.log_level, settings.log_format)
    give_buffers_back()
    with session.core(making=True) as core:
        describe_stores(core)
        publisher = open_publisher(settings)
        metrics = Metrics()
        running = Worker(core, publisher, queue=open_queue(settings), metrics=metrics)
        metrics.watch(WorkerCollector(running))
        serve_metrics(metrics, settings)
        signalled = listen_for_signals(on_second=lambda: os._exit(130))
        running.start()
        logger.info("ready")
        echo("ready")
        os.read(signalled, 1)
        running.stop(settings.stop_timeout_seconds)
        publisher.close()


@click.command()
@click.pass_obj
def rpc(session: Session) -> None:
    """Serve calls over AMQP; requires AMQP_URI.

    Runs every nameko service: `files`, `files.tag`, `accounts` and the others whose methods docs/rpc.md has.
    """
    settings = session.settings
    if not settings.amqp_uri:
        raise Failed(
            "AMQP_URI is not set",
            "Set it, for example amqp://guest:guest@127.0.0.1:5672//, or use `files up`, which needs no broker.",
        )
    configure_logging(settings.log_level, settings.log_format)
    # Imported here because it loads eventlet, which no other process may load.
    from files_service.messaging.rpc.server import run_services
    from files_service.messaging.rpc.shared_core import open_shared
    from files_service.service import SERVICES

    with opening_stores():
        shared = open_shared(settings)
    describe_stores(shared.core)
    serve_metrics(shared.metrics, settings)
    run_services(SERVICES, session.config, shared)


def serve_http(
    core: Core,
    on_ready: Callable[[str], None],
    on_stopping: Callable[[], None] | None = None,
    metrics: Metrics | None = None,
    parts: Sequence[Part] = (),
    doors: Sequence[Door] | None = None,
) -> None:
    """Run the gateway in this thread until a signal arrives; call ``on_ready`` with its URL.

    ``parts`` are checked for readiness in addition to the stores; ``doors`` are served, by default all.
    """
    from files_service.gateway.endpoint import AddressUnavailable
    from files_service.gateway.event_loop import new_event_loop
    from files_service.gateway.server import serve

    give_buffers_back()
    describe_stores(core)
    allow_many_descriptors()
    settings = core.settings
    serving = serve(
        core,
        on_ready=lambda port: _tell(on_ready, url_of(settings.http_host, port)),
        on_stopping=on_stopping,
        metrics=metrics,
        parts=parts,
        doors=doors,
    )
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serving)
    except AddressUnavailable as unavailable:
        address, error = unavailable.address, unavailable.error
        variable = "FILES_HTTP" if address == f"{settings.http_host}:{settings.http_port}" else "FILES_OPERATION_HTTP"
        if error.errno == errno.EADDRINUSE:
            raise Failed(
                f"{address} is in use by another process",
                f"Stop that process, or choose another address: {variable}=127.0.0.1:8081",
            ) from error
        raise Failed(f"cannot listen on {address}: {error.strerror}", f"Correct {variable}, host:port.") from error


def _tell(on_ready: Callable[[str], None], url: str) -> None:
    # A terminal shows what ``on_ready`` prints.
    logger.info("ready", extra={"url": url, **QUIET})
    on_ready(url)


def serve_metrics(metrics: Metrics, settings: Settings) -> None:
    """Serve the metrics of a process without a gateway, if configured."""
    if not settings.metrics_http:
        return
    try:
        metrics.serve(*host_and_port(settings.metrics_http))
    except OSError as error:
        raise Failed(
            f"cannot serve metrics at {settings.metrics_http}: {error.strerror}",
            "Choose a different address for each process: FILES_METRICS_HTTP=127.0.0.1:9101",
        ) from error


def url_of(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens at this host."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def open_publisher(settings: Settings) -> EventPublisher:
    """Open the event publisher: the broker if one is configured, else the log."""
    if not settings.amqp_uri:
        return LogPublisher()
    from files_service.messaging.publisher import AmqpPublisher

    return AmqpPublisher(settings.amqp_uri)


def describe_stores(core: Core) -> None:
    """Log the configured stores and their capabilities."""
    for name, store in (("metadata", core.metadata), ("blobs", core.blobs)):
        logger.info("store", extra={"part": name, "store": type(store).__name__, "can": capabilities(store)})
    if core.lists.second is not None:
        is_open = not core.lists.second.circuit_is_open
        logger.info("store", extra={"part": "lists", "scheme": core.lists.second.name, "open": is_open})


def allow_many_descriptors() -> None:
    """Raise the limit of open files: each connection and each open file takes a descriptor, and 1024 are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
