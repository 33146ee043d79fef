"""Subprocesses for files, each forked from one process that has the libraries loaded (``extraction.__main__``)."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from files_service.services.media.extraction.channel import ANSWER, FORK, KILL, REQUEST

_COMMAND = [sys.executable, "-I", "-m", "files_service.services.media.extraction"]
# To load the libraries on a machine that does much else.
_ANSWER_SECONDS = 60.0


class _Template:
    """The process that forks. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests, theirs = socket.socketpair()
        self._requests.settimeout(_ANSWER_SECONDS)
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    _COMMAND,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                )
        except BaseException:
            self._requests.close()
            raise
        # Takes note of its end, which comes after a while without work: until then the system keeps a dead process.
        threading.Thread(target=self._process.wait, name="template", daemon=True).start()

    def fork(self, incoming: int, outgoing: int) -> int:
        """Return the id of a new process with these ends of pipes. Raises OSError when the template is gone."""
        return self._ask(FORK, 0, [incoming, outgoing])

    def kill(self, number: int) -> None:
        """End a process, and return when it is gone."""
        with suppress(OSError):
            self._ask(KILL, number)

    def close(self) -> None:
        """End the template, and all processes that were forked from it."""
        self._requests.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, letter: bytes, number: int, descriptors: list[int] | None = None) -> int:
        with self._lock:
            try:
                socket.send_fds(self._requests, [REQUEST.pack(letter, number)], descriptors or [])
                answer = self._requests.recv(ANSWER.size)
                if not answer:
                    raise ConnectionError("the process that opens files has ended")
            except OSError:
                # An answer that comes later must not be taken for that of another request.
                self._requests.close()
                raise
        [found] = ANSWER.unpack(answer)
        return int(found)


class Forks:
    """Processes on demand. The template is started for the first, and again when it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._template: _Template | None = None

    @contextmanager
    def process(self) -> Iterator[tuple[int, int]]:
        """Have a process for the time of the block: what it says, and what it is told. Raises OSError."""
        theirs_in, ours_out = os.pipe()
        try:
            ours_in, theirs_out = os.pipe()
        except OSError:
            os.close(theirs_in)
            os.close(ours_out)
            raise
        try:
            try:
                template, number = self._fork(theirs_in, theirs_out)
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            try:
                yield ours_in, ours_out
            finally:
                template.kill(number)
        finally:
            os.close(ours_in)
            os.close(ours_out)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            template, self._template = self._template, None
        if template is not None:
            template.close()

    def _fork(self, incoming: int, outgoing: int) -> tuple[_Template, int]:
        with self._lock:
            if self._template is not None:
                try:
                    return self._template, self._template.fork(incoming, outgoing)
                except OSError:
                    # It ends after a while without work.
                    self._template.close()
            self._template = _Template()
            return self._template, self._template.fork(incoming, outgoing)


FORKS = Forks()
atexit.register(FORKS.close)
