"""A process that has imported what the commands of the service need, and divides for each that is started.

To import it all takes a second of processor, which hundreds of starts would take again. A divided process is the child
of the one that asks, with arguments, environment, folder and streams of its own, and begins where ``python -m`` would
once the imports are done. Commands that patch the standard library as they begin are started from nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import platform
import runpy
import signal
import socket
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

MODULES = {"files_service.cli": "files", "syncer": "syncer", "migrations": "migrations"}
FROM_NOTHING = {"rpc"}
# What a process must have from its first moment.
AT_FIRST = ("PYTHON", "LD_", "FAKETIME")
PRELOADED = (
    *("files_service.cli.up", "files_service.gateway.app", "files_service.worker.run", "files_service.cli.call"),
    *("storage_adapters.metadata.sqlite", "storage_adapters.metadata.redis", "storage_adapters.metadata.couchdb"),
    *("storage_adapters.blobs.local", "storage_adapters.blobs.nodes", "syncer.cli", "migrations.cli"),
)
CLONE_PARENT = 0x8000
CLONE = {"x86_64": 56, "aarch64": 220}
LONGEST = 2**20


class Asked(NamedTuple):
    """What to be."""

    module: str
    arguments: list[str]
    environ: dict[str, str]
    folder: str


def is_divided(command: list[str], environ: dict[str, str] | None) -> bool:
    """Return True when a command can begin with everything imported."""
    if platform.machine() not in CLONE or command[0] != sys.executable or command[1:2] != ["-m"]:
        return False
    if command[2] not in MODULES or not FROM_NOTHING.isdisjoint(command):
        return False
    wanted, here = (
        {name: text for name, text in given.items() if name.startswith(AT_FIRST)}
        for given in (os.environ if environ is None else environ, os.environ)
    )
    return wanted == here


class Zygote:
    """The process that divides, from the side of those who ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.servers.zygote", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def end(self) -> None:
        """Ask for nothing more."""
        self._ours.close()
        self._process.wait()

    def divide(self, asked: Asked, streams: list[int]) -> int:
        """Return the id of a new child of this process."""
        with self._lock:
            socket.send_fds(self._ours, [json.dumps(asked).encode()], streams)
            answer = self._ours.recv(LONGEST)
        if not answer:
            raise RuntimeError("the process that divides has ended")
        return int(answer)


_ZYGOTES: dict[int, Zygote] = {}
_STARTING = threading.Lock()


def _zygote() -> Zygote:
    with _STARTING:
        # A test that divides its own process must not ask for children of another one.
        if os.getpid() not in _ZYGOTES:
            _ZYGOTES[os.getpid()] = Zygote()
            atexit.register(_ZYGOTES[os.getpid()].end)
        return _ZYGOTES[os.getpid()]


class Started(subprocess.Popen[Any]):
    """A process as of ``subprocess``, divided where that is possible."""

    def _execute_child(self, args: Any, *given: Any) -> None:
        executable, preexec, _, passed, folder, environ, _, _, shell, *pipes = given[:15]
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate((pipes[0], pipes[3], pipes[5]))]
        is_special = executable or preexec or passed or shell or True in given[16:] or any(map(os.isatty, streams))
        if is_special or not is_divided(list(args), environ):
            super()._execute_child(args, *given)  # type: ignore[misc]
            return
        environ = dict(os.environ if environ is None else environ)
        asked = Asked(args[2], list(args[3:]), environ, str(folder or Path.cwd()))
        self.pid = _zygote().divide(asked, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def serve(asking: socket.socket) -> Asked | None:
    """Divide until nobody asks any more; returns what to be in a process that is new, and None in the end."""
    clone = ctypes.PyDLL(None).syscall
    while True:
        message, streams, _, _ = socket.recv_fds(asking, LONGEST, 3)
        if not message:
            return None
        ctypes.pythonapi.PyOS_BeforeFork()
        pid = clone(CLONE[platform.machine()], CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0:
            ctypes.pythonapi.PyOS_AfterFork_Child()
            asking.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            return Asked(*json.loads(message))
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        for stream in streams:
            os.close(stream)
        asking.send(str(pid).encode())


def main() -> None:
    """Import, divide, and be what is asked for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    if asked is None:
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(asked.folder)
    os.environ.clear()
    os.environ.update(asked.environ)
    sys.argv = [MODULES[asked.module], *asked.arguments]
    runpy.run_module(asked.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
