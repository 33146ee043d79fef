"""Kills a process before its n-th I/O operation: every SQL statement, and every call by which files are touched.

The operations of a run are counted in a forked child, so that n = 1, 2, 3, … up to the run that survives are all the
points at which a process can die, as seen from Python. What lies inside one of them is one system call or, for a
statement, SQLite's own promise of atomicity.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, NoReturn

KILLED = 137
BROKEN = 3
_OS_CALLS = (
    *("open", "close", "read", "write", "pread", "pwrite", "sendfile", "copy_file_range", "fsync", "fdatasync"),
    *("mkdir", "rmdir", "rename", "replace", "unlink", "remove", "link", "symlink", "truncate", "ftruncate"),
    *("stat", "lstat", "fstat", "scandir", "listdir", "posix_fadvise", "chmod", "utime"),
)


@dataclass(frozen=True)
class Run:
    """How a child ended: killed, or with an answer after so many operations."""

    killed: bool
    operations: int = 0
    answer: Any = None


class Fuse:
    """Counts operations once it is armed, and ends the process before the n-th."""

    def __init__(self, last: int | None) -> None:
        self.operations = 0
        self._armed = False
        self._last = last
        # Some operations are done by several threads at the same time.
        self._lock = Lock()

    def arm(self) -> None:
        self._armed = True

    def burn(self) -> None:
        if self._armed:
            with self._lock:
                self.operations += 1
                if self.operations == self._last:
                    # As SIGKILL does: no handler runs, no buffer is written.
                    os._exit(KILLED)

    def install(self) -> None:
        """Stand before everything that touches files. For a forked child: nothing is put back."""
        fuse = self

        class Connection(sqlite3.Connection):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                # Called before each statement, also of those that ``executemany`` repeats.
                self.set_trace_callback(lambda sql: fuse.burn())

        connect: Callable[..., Any] = sqlite3.connect
        sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Connection, **kwargs)
        for name in _OS_CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        io.open = self._counted(io.open)

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.burn()
            return call(*args, **kwargs)

        return counted


def run_and_kill(work: Callable[[Fuse], Any], *, before: int | None) -> Run:
    """Run ``work`` in a child that dies before its n-th operation after ``work`` armed the fuse.

    The operation after the last is the answer: done, but the caller never hears of it.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _run_child(work, Fuse(before), writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == KILLED:
        return Run(killed=True)
    assert code == 0, f"the child broke ({code}):\n{said.decode()}"
    return Run(killed=False, **json.loads(said))


def _run_child(work: Callable[[Fuse], Any], fuse: Fuse, writer: int) -> NoReturn:
    write = os.write
    try:
        fuse.install()
        answer = work(fuse)
        fuse.burn()
        write(writer, json.dumps({"operations": fuse.operations, "answer": answer}).encode())
        os._exit(0)
    except BaseException:
        write(writer, traceback.format_exc().encode())
        sys.stderr.flush()
        os._exit(BROKEN)
