"""``files ingest-worker``: the queue door."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack

import click

from files_service.cli.processes import allow_many_descriptors, describe_stores
from files_service.cli.session import Failed, Session
from files_service.config import Settings
from files_service.core import Core
from files_service.runtime.addresses import host_and_port
from files_service.runtime.logs import configure_logging
from files_service.runtime.memory import give_buffers_back
from files_service.runtime.metrics import Metrics
from files_service.runtime.signals import listen_for_signals
from files_service.runtime.terminal import echo
from storage_adapters import SupportsUploads, install_command

logger = logging.getLogger(__name__)


@click.command(name="ingest-worker")
@click.pass_obj
def ingest_worker(session: Session) -> None:
    """Take the bytes of uploads from the broker; requires AMQP_URI and FILES_QUEUE_DOOR.

    Any number may run. `/healthz`, `/readyz` and `/metrics` are at FILES_METRICS_HTTP.
    """
    settings = session.settings
    require_door(settings)
    configure_logging(settings.log_level, settings.log_format)
    give_buffers_back()
    allow_many_descriptors()
    with session.core(making=True) as core:
        if not isinstance(core.metadata, SupportsUploads):
            raise Failed("the metadata store keeps no uploads in chunks", "Choose another FILES_METADATA_URL.")
        describe_stores(core)
        asyncio.run(_serve(core))


async def _serve(core: Core) -> None:
    from files_service.messaging.ingest.metrics import IngestMetrics
    from files_service.messaging.ingest.worker import IngestWorker

    metrics = Metrics()
    worker = IngestWorker(core, IngestMetrics(metrics))
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        stack.callback(worker.close)
        _serve_operation(core, worker.check, metrics, stack)
        signalled = listen_for_signals(on_second=lambda: os._exit(130))
        loop.add_reader(signalled, worker.stop)
        stack.callback(loop.remove_reader, signalled)
        logger.info("ready")
        echo("ready")
        await worker.run()


def _serve_operation(core: Core, check_broker: Callable[[], None], metrics: Metrics, stack: ExitStack) -> None:
    from files_service.messaging.operation import OperationServer
    from files_service.messaging.readiness import Part, parts_of

    settings = core.settings
    if not settings.metrics_http:
        return
    parts = [part for part in parts_of(core) if part.name in ("metadata", "blobs")]
    parts.append(Part(name="broker", check=check_broker))
    try:
        server = OperationServer(*host_and_port(settings.metrics_http), metrics, parts)
    except OSError as error:
        raise Failed(
            f"cannot listen on {settings.metrics_http}: {error.strerror}",
            "Choose a different address for each process: FILES_METRICS_HTTP=127.0.0.1:9101",
        ) from error
    stack.callback(server.close)


def require_door(settings: Settings) -> None:
    """Raise Failed where the queue door cannot be served."""
    try:
        import aio_pika  # noqa: F401 - an extra
    except ImportError as error:
        raise Failed("the queue door needs aio-pika", f"Install it in the clone: {install_command('queue')}") from error
    if not settings.amqp_uri:
        raise Failed("AMQP_URI is not set", "Set it, for example amqp://guest:guest@127.0.0.1:5672//.")
    if not settings.queue_door:
        raise Failed("the queue door is closed", "Open it in every process: FILES_QUEUE_DOOR=on.")
