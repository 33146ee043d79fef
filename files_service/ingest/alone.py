"""One run at a time for a card and a service: two would take each other's uploads for those of killed runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path, url: str, card_id: str) -> Iterator[bool]:
    """Yield False when another process or thread of this machine has the card; it has it until its block ends.

    The lock is that of an open file, which ends with its process.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(f"{url}\0{card_id}".encode()).hexdigest()[:20]
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
