"""Identity of a node: the marker of its folder, and the state that survives its process.

``node.json`` says to which cluster and node the folder belongs. It is written once, never replaced, and locked
(flock(2)) as long as the node runs; its device and inode tell that the disk is still the same. ``state.json`` holds
what changes, such as the number of starts.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import orjson

from storage_adapters.blobs.local.disk import replace_file, sync_folder

MARKER = "node.json"
STATE = "state.json"


class Refused(Exception):
    """A folder with which the process must not run, or a node that runs elsewhere; the message says why."""


class MarkerGone(Exception):
    """The disk is not there any more, or another one has taken its place."""


class Identity:
    """The folder of a node that runs, from ``open`` to ``close``."""

    def __init__(self, root: Path, marker: int, document: Mapping[str, str], state: dict[str, int]) -> None:
        self.root, self._marker, self._state = root, marker, state
        self.cluster, self.node_id = document["cluster"], document["node_id"]
        self.boot_id = secrets.token_hex(8)
        found = os.fstat(marker)
        self._place = found.st_dev, found.st_ino

    @classmethod
    def open(cls, root: Path) -> Self:
        """Lock the folder of a node and count this start, durably. Raises Refused."""
        path = root / MARKER
        try:
            marker = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Refused(
                f"{root} is no folder of a node: its disk is not mounted, or it is new and needs --init once"
            ) from None
        except OSError as error:
            raise Refused(f"cannot open {path}: {error.strerror}") from error
        try:
            return cls._opened(root, marker)
        except BaseException:
            os.close(marker)
            raise

    @classmethod
    def _opened(cls, root: Path, marker: int) -> Self:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another process runs the node of {root}") from None
        try:
            document = orjson.loads(os.pread(marker, 65_536, 0))
            state = orjson.loads((root / STATE).read_bytes())
            identity = cls(root, marker, document, {name: int(value) for name, value in state.items()})
            identity.keep(boots=identity.boots + 1)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(f"the identity of the node in {root} is damaged: {error}") from error
        return identity

    @property
    def boots(self) -> int:
        """The number of starts of this node."""
        return self._state.get("boots", 0)

    @property
    def epoch(self) -> int:
        """The highest fencing epoch that a destructive request had."""
        return self._state.get("epoch", 0)

    def keep(self, **values: int) -> None:
        """Put values of the state on stable storage. Raises OSError, MarkerGone."""
        self.check()
        state = {**self._state, **values}
        replace_file(self.root / STATE, orjson.dumps(state))
        self._state = state

    def check(self) -> None:
        """Return when the disk that the node was started on is in its place. Raises MarkerGone."""
        try:
            found = (self.root / MARKER).stat()
        except OSError as error:
            raise MarkerGone(f"the disk of the node is gone: {error.strerror}") from error
        if (found.st_dev, found.st_ino) != self._place:
            raise MarkerGone("another disk is in the place of the node's")

    def close(self) -> None:
        """Let another process run the node. Closing twice is harmless."""
        marker, self._marker = self._marker, -1
        if marker >= 0:
            os.close(marker)


def create(root: Path, cluster: str, folders: tuple[str, ...]) -> None:
    """Make an empty folder that of a new node; create the folder itself, but no folder above it. Raises Refused."""
    try:
        if root.exists() and (root / MARKER).exists():
            raise Refused(f"{root} holds a node already: start it without --init")
        root.mkdir(mode=0o700, exist_ok=True)
        if strangers := sorted({path.name for path in root.iterdir()} - {"lost+found", STATE, *folders}):
            raise Refused(f"{root} is not empty: it holds {strangers[0]}")
        for name in folders:
            (root / name).mkdir(mode=0o700, exist_ok=True)
        replace_file(root / STATE, orjson.dumps({"boots": 0, "epoch": 0}))
        # The marker comes last: a start that was broken off before it may be repeated.
        replace_file(root / MARKER, orjson.dumps({"cluster": cluster, "node_id": secrets.token_hex(8)}))
        sync_folder(root)
        sync_folder(root.parent)
    except OSError as error:
        raise Refused(f"cannot make {root} the folder of a node: {error.strerror}") from error
