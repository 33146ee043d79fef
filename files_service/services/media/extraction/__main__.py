"""``python -I -m files_service.services.media.extraction``: the process from which that of each file is forked.

To load the libraries takes ten times what most files take. This process opens no file itself. Requests come one by one
over the socket on its standard input: ``FORK`` brings two descriptors, the pipes of the new process from and to the
service, and is answered with its id; ``KILL`` brings an id, and is answered when that process is gone, and what a
hostile file made it start. This process ends with its socket, or after a while without work, and the forked ones with
it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from files_service.services.media.extraction.channel import ANSWER, FORK, REQUEST
from files_service.services.media.extraction.one_file import extract, load

IDLE_SECONDS = 60.0
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Load the libraries, then fork until the socket ends."""
    # Those who stop a group of processes mean the service, which ends this one.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    # Processes whose parent has ended become children of this one.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    load()
    requests = socket.socket(fileno=sys.stdin.fileno())
    requests.settimeout(IDLE_SECONDS)
    children: set[int] = set()
    while request := _next(requests, children):
        (letter, number), descriptors = request
        if letter == FORK:
            number = _fork(requests, *descriptors)
            children.add(number)
        elif number in children:
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
            children.remove(number)
            _end_orphans(children)
        requests.sendall(ANSWER.pack(number))


def _next(requests: socket.socket, children: set[int]) -> tuple[tuple[bytes, int], list[int]] | None:
    """Return the next request, None at the end: never while a forked process is there."""
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(requests, REQUEST.size, 2)
        except TimeoutError:
            if children:
                continue
            return None
        return (REQUEST.unpack(message), descriptors) if message else None


def _end_orphans(children: set[int]) -> None:
    """End the processes that an ended one has started."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    with suppress(OSError):
        while orphans := {int(each) for each in own.read_text().split()} - children:
            for each in orphans:
                os.kill(each, signal.SIGKILL)
                os.waitpid(each, 0)


def _fork(requests: socket.socket, incoming: int, outgoing: int) -> int:
    child = os.fork()
    if child == 0:
        requests.close()
        extract(incoming, outgoing)
    os.close(incoming)
    os.close(outgoing)
    return child


if __name__ == "__main__":
    main()
