"""Child processes of ``files up``: restarted when they exit, and ended with their parent."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from files_service.config import child_environment
from files_service.messaging.readiness import NotReady

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A child that ran for this long is restarted without back-off.
GOOD_RUN_SECONDS = 60.0
KILL_SECONDS = 5


class ChildProcess:
    """A Python module as a child process: ``module`` with its arguments; ``environ`` extends the environment."""

    def __init__(self, name: str, *module: str, environ: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "files_service.runtime.child", str(os.getpid()), *module]
        self._environ = child_environment(environ or {})
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        # The kernel ends the child when the thread that started it ends.
        self._thread = threading.Thread(target=self._supervise, name=f"{name}-process")

    def start(self) -> None:
        """Start the child."""
        self._thread.start()

    def check(self) -> None:
        """Return while the child runs. Raises NotReady."""
        if self._child is None or self._child.poll() is not None:
            raise NotReady("the process exited and is being restarted")

    def begin_to_stop(self) -> None:
        """Ask the child to finish its work and exit."""
        self._stopping.set()
        if self._child is not None:
            self._child.terminate()

    def stop(self, timeout_seconds: float) -> None:
        """Stop the child: terminate it, then kill it."""
        if not self._stopping.is_set():
            self.begin_to_stop()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout_seconds + KILL_SECONDS)
        if self._thread.is_alive() and self._child is not None:
            self._child.kill()
            self._thread.join()

    def _supervise(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                fields: dict[str, object] = {"exit_status": self._run()}
            except OSError as error:
                # No process, memory or descriptor is free now.
                fields = {"error": str(error)}
            if not self._stopping.is_set():
                logger.error("child process exited; restarting", extra={"child": self.name, **fields})
                if time.monotonic() - started > GOOD_RUN_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _run(self) -> int:
        """Start the child and return its exit status. Raises OSError when it cannot be started."""
        # In its own session, so that the terminal's interrupt does not reach it: the parent stops it.
        self._child = subprocess.Popen(  # noqa: S603 - our own command
            self._command, env=self._environ, start_new_session=True
        )
        if self._stopping.is_set():
            self._child.terminate()
        return self._child.wait()
