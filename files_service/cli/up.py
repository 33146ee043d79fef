"""``files up``: everything in one command."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import threading
import time

import click

from files_service.cli.processes import open_publisher, serve_http
from files_service.cli.session import Session
from files_service.config import Settings
from files_service.logs import configure_logging

logger = logging.getLogger(__name__)

OWNER = "me"
SIGN_IN_SECONDS = 12 * 3_600
LONGEST_PAUSE_SECONDS = 30.0
KILL_SECONDS = 5
LEAST_STOP_SECONDS = 2.0


@click.command()
@click.pass_obj
def up(session: Session) -> None:
    """Run everything in one go.

    Gateway and worker, and the nameko service too when AMQP_URI is set. The default needs no server: SQLite and a
    folder.
    """
    from files_service.metrics import Metrics
    from files_service.worker.metrics import WorkerCollector
    from files_service.worker.run import Worker

    settings = session.settings
    configure_logging(settings.log_level)
    with session.core() as core:
        publisher = open_publisher(settings)
        worker = Worker(core, publisher)
        metrics = Metrics()
        metrics.watch(WorkerCollector(worker))
        service = RpcProcess(session.config_path) if settings.amqp_uri else None

        def on_ready(url: str) -> None:
            # Only now: whoever finds the address taken must not have begun anything.
            worker.start()
            if service is not None:
                service.start()
            click.echo(f"ready {url}")
            click.echo(f"sign in {url}/?token={_token(settings)}")

        deadline = math.inf

        def on_stopping() -> None:
            nonlocal deadline
            # All parts stop at the same time: together they have what one of them would have.
            deadline = time.monotonic() + settings.stop_timeout_seconds
            if service is not None:
                service.begin_to_stop()

        try:
            serve_http(core, on_ready, on_stopping, metrics)
        finally:
            worker.stop(_left(deadline))
            if service is not None:
                service.stop(_left(deadline))
            publisher.close()


def _left(deadline: float) -> float:
    """The seconds until a time, at least enough for what only has to be told; few when there is no such time."""
    return max(LEAST_STOP_SECONDS, deadline - time.monotonic()) if deadline < math.inf else LEAST_STOP_SECONDS


def _token(settings: Settings) -> str:
    from files_service.gateway.identity import make_token

    return make_token(OWNER, settings.jwt_secret, SIGN_IN_SECONDS)


class RpcProcess:
    """``files rpc`` as a child process: started again when it ends, and ended with this process."""

    def __init__(self, config_path: str | None) -> None:
        options = ["--config", config_path] if config_path else []
        parent = ["--until-process-ends", str(os.getpid())]
        self._command = [sys.executable, "-m", "files_service.cli", *options, "rpc", *parent]
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        # The kernel ends the child together with the thread that started it.
        self._thread = threading.Thread(target=self._supervise, name="rpc-process")

    def start(self) -> None:
        """Start the child."""
        self._thread.start()

    def begin_to_stop(self) -> None:
        """Ask the child to finish what it is at, and to end."""
        self._stopping.set()
        if self._child is not None:
            self._child.terminate()

    def stop(self, timeout_seconds: float) -> None:
        """End the child: politely, then by force."""
        if not self._stopping.is_set():
            self.begin_to_stop()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout_seconds + KILL_SECONDS)
        if self._thread.is_alive() and self._child is not None:
            self._child.kill()
            self._thread.join()

    def _supervise(self) -> None:
        pause = 0.5
        while not self._stopping.is_set():
            # In a session of its own, where a terminal's interrupt does not come: it stops when we say so.
            self._child = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 - our own command
            if self._stopping.is_set():
                self._child.terminate()
            status = self._child.wait()
            if not self._stopping.is_set():
                logger.error("the nameko service ended; it is started again", extra={"exit_status": status})
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
