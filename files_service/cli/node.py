"""``files node``: a server of chunks on one disk."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from pathlib import Path

import click

from files_service.cli.processes import allow_many_descriptors
from files_service.cli.session import Failed, Session
from files_service.runtime.addresses import EVERYWHERE, host_and_port, is_address
from files_service.runtime.logs import configure_logging
from files_service.runtime.signals import listen_for_signals
from files_service.runtime.terminal import echo

logger = logging.getLogger(__name__)

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_URL = re.compile(rf"https?://{_ADDRESS.pattern}/?")


class Unrunnable(Failed):
    """A folder or an identity with which the process must not run: starting it again does not help."""

    exit_code = 3


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder of the node, alone on its disk.")
@click.option("--init", is_flag=True, help="Make the empty folder that of a new node; never for a node that exists.")
@click.option("--listen", default="127.0.0.1:8090", show_default=True, metavar="HOST:PORT", help="Address to serve at.")
@click.option("--url", default="", help="URL at which others reach the node. Default: http://HOST:PORT of --listen.")
@click.option("--zone", default="", help="Failure domain: copies of a chunk are kept in different ones.")
@click.option("--weight", default=1.0, show_default=True, type=click.FloatRange(0.001, 1000), help="Share of chunks.")
@click.option("--controllers", default="", metavar="URL,…", help="Gateways or controllers that the node pings.")
@click.option("--cluster", default="files", show_default=True, help="Name of the cluster, which the folder keeps.")
@click.option("--floor", default=256 * 2**20, show_default=True, type=click.IntRange(0), help="Bytes to leave free.")
@click.pass_obj
def node(
    session: Session,
    data: Path,
    init: bool,  # noqa: FBT001 - an option
    listen: str,
    url: str,
    zone: str,
    weight: float,
    controllers: str,
    cluster: str,
    floor: int,
) -> None:
    """Run a file node; requires FILES_NODES_SECRET. Exit status 3: the folder or the identity is refused."""
    settings = session.settings
    if not settings.nodes_secret:
        raise Failed("FILES_NODES_SECRET is not set", "Create one for all processes: openssl rand -hex 32.")
    if not is_address(listen):
        raise Failed(f"--listen is no address: {listen}", "For example: --listen 127.0.0.1:8090.")
    _check_url(url, listen, has_controllers=bool(controllers))
    configure_logging(settings.log_level, settings.log_format)
    allow_many_descriptors()
    from files_service.nodes.identity import NodeRefused
    from files_service.nodes.running import NodeOptions, RunningNode

    # Before the folder is made: a wrong option leaves nothing.
    options = NodeOptions(
        root=data.absolute(),
        host=host_and_port(listen)[0],
        port=host_and_port(listen)[1],
        url=url.rstrip("/"),
        zone=zone,
        weight=weight,
        controllers=controller_urls(controllers),
        cluster=cluster,
        floor_bytes=floor,
        secret=settings.nodes_secret,
    )
    try:
        running = RunningNode(options, init=init)
    except NodeRefused as error:
        raise Unrunnable(str(error)) from error
    except OSError as error:
        raise _cannot_listen(listen, error) from error
    signalled = listen_for_signals(on_second=lambda: os._exit(130))
    try:
        reason = asyncio.run(running.serve(signalled, on_ready=_ready))
    except OSError as error:
        raise _cannot_listen(listen, error) from error
    if isinstance(reason, NodeRefused):
        raise Unrunnable(str(reason))
    if reason is not None:
        raise Failed(str(reason), "Start the node again: it reads its disk.")


def _check_url(url: str, listen: str, *, has_controllers: bool) -> None:
    """Check that what the node tells its controllers leads others to it. Raises Failed."""
    host, port = host_and_port(listen)
    if url and _URL.fullmatch(url) is None:
        raise Failed(f"--url is no URL: {url}", f"For example: --url http://10.0.0.11:{port}.")
    if not url and has_controllers and host in EVERYWHERE:
        advice = f"Say at which one gateways and other nodes do: --url http://HOST:{port}."
        raise Failed(f"--listen {listen} is no address at which others reach this node", advice)


def controller_urls(text: str) -> tuple[str, ...]:
    """Return the URLs of controllers in an option; host:port is completed to one. Raises Failed."""
    found = []
    for each in filter(None, map(str.strip, text.split(","))):
        scheme, _, place = each.rpartition("://")
        address = place.rstrip("/")
        if scheme not in ("", "http", "https") or _ADDRESS.fullmatch(address) is None:
            raise Failed(f"--controllers has no address: {each}", "For example: --controllers http://127.0.0.1:8080.")
        found.append(f"{scheme or 'http'}://{address}")
    return tuple(found)


def _cannot_listen(listen: str, error: OSError) -> Failed:
    return Failed(f"cannot listen on {listen}: {error.strerror}", "Choose another --listen, host:port.")


def _ready(url: str) -> None:
    logger.info("ready", extra={"url": url})
    echo(f"ready {url}")
