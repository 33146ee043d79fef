"""``files controller``: a controller of file nodes beside the gateways."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import click

from files_service.cli.processes import serve_http
from files_service.cli.session import Failed, Session
from files_service.core import Core
from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.logs import configure_logging
from files_service.runtime.terminal import echo


@click.command()
@click.pass_obj
def controller(session: Session) -> None:
    """Run a controller of file nodes; requires FILES_NODES_SECRET and a FILES_BLOBS_URL of nodes.

    Registers the nodes, serves the layout, and runs the census. Any number may run; every gateway answers as one, too.
    """
    settings = session.settings
    if not settings.nodes_secret:
        raise Failed("FILES_NODES_SECRET is not set", "Create one for all processes: openssl rand -hex 32.")
    if urlsplit(settings.blobs_url).scheme != "nodes":
        raise Failed(
            "FILES_BLOBS_URL is not nodes://: a controller has nothing to do",
            "Set it as for the gateways: FILES_BLOBS_URL=nodes://HOST:PORT, the address of a gateway or controller.",
        )
    configure_logging(settings.log_level, settings.log_format)
    with session.core(making=True) as core:
        run_controller(core)


def run_controller(core: Core) -> None:
    """Serve the door of nodes, and do the work of a controller, until a signal arrives."""
    from files_service.gateway.doors import operation
    from files_service.gateway.doors.nodes import routes
    from files_service.nodes.controller.duties import Duties
    from files_service.nodes.controller.events import UploadEvents
    from files_service.nodes.controller.metrics import NodesCollector
    from files_service.runtime.metrics import Metrics
    from files_service.worker.loop import Loop

    stopping = threading.Event()
    duties = Duties(core, holder=core.new_id(), stopped=stopping.is_set)
    metrics = Metrics()
    metrics.watch(NodesCollector(core, duties))
    loops = {name: Loop(name, step, stopping) for name, step in duties.steps.items()}
    if core.settings.amqp_uri:

        def notice(file_id: str) -> None:
            duties.replicator.notice(file_id)
            loops["replication"].wake()

        events = UploadEvents(core.settings.amqp_uri, notice, stopped=stopping.is_set)
        loops["events"] = Loop("events", events.step, stopping)

    def check() -> None:
        if ended := [name for name, loop in loops.items() if not loop.alive]:
            raise NotReady("a thread has ended: " + ", ".join(ended))

    def on_ready(url: str) -> None:
        for loop in loops.values():
            loop.start()
        echo(f"ready {url}")

    operations = operation.PUBLIC_DOOR if core.settings.operation_http else operation.DOOR
    try:
        serve_http(
            core, on_ready, stopping.set, metrics, [Part(name="controller", check=check)], (routes.DOOR, operations)
        )
    finally:
        stopping.set()
        for loop in loops.values():
            loop.join(core.settings.stop_timeout_seconds)
        duties.close()
