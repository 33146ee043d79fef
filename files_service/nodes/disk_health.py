"""Errors of the disk of a node."""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from files_service.nodes.chunk_disk import is_full
from files_service.nodes.identity import MarkerGone
from files_service.nodes.inventory import InventoryBroken
from storage_adapters.blobs.nodes.protocol.errors import DiskError, DiskFull

EIO_WINDOW_SECONDS = 600.0
EIO_LIMIT = 3


class DiskHealth:
    """Errors of a disk: after three failed reads or writes within ten minutes, nothing is written any more."""

    def __init__(self) -> None:
        self._errors: deque[float] = deque(maxlen=EIO_LIMIT)
        self.read_only = False

    def note(self, error: OSError) -> None:
        """Count an I/O error."""
        if error.errno != errno.EIO:
            return
        self._errors.append(time.monotonic())
        if len(self._errors) == EIO_LIMIT and self._errors[-1] - self._errors[0] <= EIO_WINDOW_SECONDS:
            self.read_only = True


@contextmanager
def translated(health: DiskHealth) -> Iterator[None]:
    """Translate errors of the system and of the inventory into DiskError, and count those of the system."""
    try:
        yield
    except (MarkerGone, InventoryBroken) as error:
        raise DiskError(str(error)) from error
    except OSError as error:
        health.note(error)
        kind = DiskFull if is_full(error) else DiskError
        raise kind(f"disk error: {error.strerror or error}") from error
