"""The folder of a node: its marker, its lock, and the state that survives its process.

``node.json`` says to which cluster and node the folder belongs. It is written once, never replaced, and locked
(flock(2)) as long as the node runs; its device and inode tell that the disk is still the same. ``state.json`` holds
what changes, such as the number of starts.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Self

import orjson

from storage_adapters.blobs.local.disk import replace_file, sync_folder
from storage_adapters.blobs.nodes.protocol.disk import NodeRecord

MARKER = "node.json"
STATE = "state.json"


class NodeRefused(Exception):
    """A folder with which the process must not run, or a node that runs elsewhere; the message says why."""


class MarkerGone(Exception):
    """The disk is not there any more, or another one has taken its place."""


class NodeFolder:
    """The folder of a node that runs, from ``open`` to ``close``."""

    def __init__(self, root: Path, marker: int) -> None:
        self.root, self._marker = root, marker
        found = os.fstat(marker)
        self._place = found.st_dev, found.st_ino
        self.record = NodeRecord(**orjson.loads((root / STATE).read_bytes()))
        named = orjson.loads(os.pread(marker, 65_536, 0))
        if (named["cluster"], named["node_id"]) != (self.record.cluster, self.record.node_id):
            raise ValueError(f"{MARKER} and {STATE} are of two nodes")

    @property
    def device(self) -> int:
        """The device of the disk."""
        return self._place[0]

    @classmethod
    def open(cls, root: Path) -> Self:
        """Lock the folder of a node. Raises NodeRefused."""
        path = root / MARKER
        try:
            marker = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NodeRefused(
                f"{root} is no folder of a node: its disk is not mounted, or it is new and needs --init once"
            ) from None
        except OSError as error:
            raise NodeRefused(f"cannot open {path}: {error.strerror}") from error
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(root, marker)
        except BlockingIOError:
            os.close(marker)
            raise NodeRefused(f"another process runs the node of {root}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            os.close(marker)
            raise NodeRefused(f"the identity of the node in {root} is damaged: {error}") from error

    def keep(self, record: NodeRecord) -> None:
        """Put the state on stable storage. Raises OSError, MarkerGone."""
        self.check()
        replace_file(self.root / STATE, orjson.dumps(asdict(record)))
        self.record = record

    def check(self) -> None:
        """Return when the disk that the node was started on is in its place. Raises MarkerGone."""
        try:
            found = (self.root / MARKER).stat()
        except OSError as error:
            raise MarkerGone(f"the disk of the node is gone: {error.strerror}") from error
        if (found.st_dev, found.st_ino) != self._place:
            raise MarkerGone("another disk is in the place of the node's")

    def probe(self) -> None:
        """Return when the disk can be read. Raises MarkerGone, OSError."""
        self.check()
        # From the medium, not from memory.
        os.posix_fadvise(self._marker, 0, 0, os.POSIX_FADV_DONTNEED)
        os.pread(self._marker, 1, 0)

    def close(self) -> None:
        """Let another process run the node. Closing twice is harmless."""
        marker, self._marker = self._marker, -1
        if marker >= 0:
            os.close(marker)


def create(root: Path, cluster: str, folders: tuple[str, ...]) -> None:
    """Make an empty folder that of a new node; create the folder itself, but no folder above it. Raises NodeRefused."""
    try:
        if (root / MARKER).exists():
            raise NodeRefused(f"{root} holds a node already: start it without --init, or empty the folder first")
        root.mkdir(mode=0o700, exist_ok=True)
        if strangers := sorted({path.name for path in root.iterdir()} - {"lost+found", STATE, *folders}):
            raise NodeRefused(f"{root} is not empty: it holds {strangers[0]}")
        for name in folders:
            (root / name).mkdir(mode=0o700, exist_ok=True)
        node_id = secrets.token_hex(8)
        replace_file(root / STATE, orjson.dumps(asdict(NodeRecord(cluster, node_id))))
        # The marker comes last: a start that was broken off before it may be repeated.
        replace_file(root / MARKER, orjson.dumps({"cluster": cluster, "node_id": node_id}))
        sync_folder(root.parent)
    except OSError as error:
        raise NodeRefused(f"cannot make {root} the folder of a node: {error.strerror}") from error
