"""Child processes of ``files up``: started again when they end, and ended with it."""

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
# One that ran for so long is started again as if for the first time.
GOOD_RUN_SECONDS = 60.0
KILL_SECONDS = 5


class ChildProcess:
    """A Python module as a child process, ``module`` with its arguments; ``environ`` is what it gets beside ours."""

    def __init__(self, name: str, *module: str, environ: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "files_service.runtime.child", str(os.getpid()), *module]
        self._environ = child_environment(environ or {})
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        # The kernel ends the child together with the thread that started it.
        self._thread = threading.Thread(target=self._supervise, name=f"{name}-process")

    def start(self) -> None:
        """Start the child."""
        self._thread.start()

    def check(self) -> None:
        """Return while the child runs. Raises NotReady."""
        if self._child is None or self._child.poll() is not None:
            raise NotReady("the process ended; it is started again")

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
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            # In a session of its own, where a terminal's interrupt does not come: it stops when we say so.
            self._child = subprocess.Popen(  # noqa: S603 - our own command
                self._command, env=self._environ, start_new_session=True
            )
            if self._stopping.is_set():
                self._child.terminate()
            status = self._child.wait()
            if not self._stopping.is_set():
                fields = {"child": self.name, "exit_status": status}
                logger.error("a child process ended; it is started again", extra=fields)
                if time.monotonic() - started > GOOD_RUN_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
