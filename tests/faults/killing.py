"""Kills a process before its n-th I/O operation: every SQL statement, and every call by which files are touched.

The operations of a run are counted in a forked child, so that n = 1, 2, 3, … up to the run that survives are all the
points at which a process can die, as seen from Python. What lies inside one of them is one system call or, for a
statement, SQLite's own promise of atomicity. A nightly run takes all of them; others take the first and the last
operation of each kind: each system call, and each verb of SQL on each table. They leave out what only reads: a death
before it leaves the same as one before the next write.
"""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, NoReturn

from tests.scale import NIGHTLY

KILLED = 137
BROKEN = 3
_OS_CALLS = (
    *("open", "close", "read", "write", "pread", "pwrite", "sendfile", "copy_file_range", "fsync", "fdatasync"),
    *("mkdir", "rmdir", "rename", "replace", "unlink", "remove", "link", "symlink", "truncate", "ftruncate"),
    *("stat", "lstat", "fstat", "scandir", "listdir", "posix_fadvise", "chmod", "utime"),
)
_READS = re.compile(r"(close|read|pread|l?stat|fstat|scandir|listdir|posix_fadvise)$|(SELECT|BEGIN|PRAGMA)\b")


@dataclass(frozen=True)
class Run:
    """How a child ended: killed, or with an answer after so many operations."""

    killed: bool
    operations: int = 0
    kinds: Sequence[str] = ()
    answer: Any = None

    def points(self) -> Iterator[int]:
        """Return the operations before which to kill, by number; the last is the answer."""
        if NIGHTLY:
            return iter(range(1, self.operations + 1))
        last = {kind: number for number, kind in enumerate(self.kinds, 1)}
        writes = [kind for kind in last if not _READS.match(kind)]
        # Of one kind its first, of the next its last.
        return iter(
            sorted({self.kinds.index(kind) + 1 for kind in writes[::2]} | {last[kind] for kind in writes[1::2]})
        )


class Fuse:
    """Counts operations once it is armed, and ends the process before the n-th."""

    def __init__(self, last: int | None) -> None:
        self.kinds: list[str] = []
        self._armed = False
        self._last = last
        # Some operations are done by several threads at the same time.
        self._lock = Lock()

    def arm(self) -> None:
        self._armed = True

    @property
    def operations(self) -> int:
        return len(self.kinds)

    def burn(self, kind: str = "answer") -> None:
        if self._armed:
            with self._lock:
                self.kinds.append(kind)
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
                self.set_trace_callback(lambda sql: fuse.burn(kind_of(sql)))

        connect: Callable[..., Any] = sqlite3.connect
        sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Connection, **kwargs)
        for name in _OS_CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        io.open = self._counted("io.open", io.open)

    def _counted(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.burn(kind)
            return call(*args, **kwargs)

        return counted


def kind_of(sql: str) -> str:
    """Return the verb of a statement and the first table that it names."""
    table = re.search(r"(?:INTO|FROM|UPDATE|TABLE|INDEX)\s+(?:IF NOT EXISTS\s+)?(\w+)", sql, re.I)
    return f"{sql.split(maxsplit=1)[0]} {table[1] if table else ''}".upper()


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
        write(writer, json.dumps({"operations": fuse.operations, "kinds": fuse.kinds, "answer": answer}).encode())
        os._exit(0)
    except BaseException:
        write(writer, traceback.format_exc().encode())
        sys.stderr.flush()
        os._exit(BROKEN)
