"""``files up``: everything in one command."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

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


@click.command()
@click.pass_obj
def up(session: Session) -> None:
    """Run gateway and worker, and the nameko service too when AMQP_URI is set."""
    from files_service.worker.run import Worker

    settings = session.settings
    configure_logging(settings.log_level)
    with session.core() as core:
        publisher = open_publisher(settings)
        worker = Worker(core, publisher)
        service = RpcProcess(session.config_path) if settings.amqp_uri else None

        def on_ready(url: str) -> None:
            # Only now: whoever finds the address taken must not have begun anything.
            worker.start()
            if service is not None:
                service.start()
            click.echo(f"ready {url}")
            click.echo(f"sign in {url}/?token={_token(settings)}")

        try:
            serve_http(core, on_ready)
        finally:
            if service is not None:
                service.stop(settings.stop_timeout_seconds)
            worker.stop(settings.stop_timeout_seconds)
            publisher.close()


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

    def stop(self, timeout_seconds: float) -> None:
        """End the child: politely, then by force."""
        self._stopping.set()
        if not self._thread.is_alive():
            return
        if self._child is not None:
            self._child.terminate()
        self._thread.join(timeout_seconds + KILL_SECONDS)
        if self._thread.is_alive() and self._child is not None:
            self._child.kill()
            self._thread.join()

    def _supervise(self) -> None:
        pause = 0.5
        while not self._stopping.is_set():
            self._child = subprocess.Popen(self._command)  # noqa: S603 - our own command
            if self._stopping.is_set():
                self._child.terminate()
            status = self._child.wait()
            if not self._stopping.is_set():
                logger.error("the nameko service ended; it is started again", extra={"exit_status": status})
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
