"""Password hashes by argon2id: two at once, a short queue, then a refusal."""

from __future__ import annotations

import os
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from files_service.errors import ServiceUnavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
QUEUE = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Memory in KiB, passes and lanes of one hash."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


class PasswordHashing:
    """The hashing of one process. Each hash takes its memory, so their number is bounded."""

    def __init__(self, cost: Cost | None = None) -> None:
        self._cost = cost or Cost()
        self._running = threading.Semaphore(AT_ONCE)
        self._places = threading.Semaphore(AT_ONCE + QUEUE)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn to hash. Raises ServiceUnavailable when the queue is full."""
        if not self._places.acquire(blocking=False):
            raise ServiceUnavailable("too many sign-ins at once", {"limit": AT_ONCE + QUEUE})
        try:
            with self._running:
                yield
        finally:
            self._places.release()

    def hash(self, password: bytes) -> str:
        """Hash a password within a turn of the caller."""
        return self._hasher.hash(password)

    def verify(self, hashed: str | None, password: bytes) -> bool:
        """Return True for the right password, within a turn of the caller. Without a hash the work is the same."""
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher.verify(hashed or self._nobodys(), password) and hashed is not None
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, hashed: str) -> bool:
        """Return True when a hash was made at another cost."""
        return self._hasher.check_needs_rehash(hashed)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        # Imported at the first use: a process without sign-ins does without.
        from argon2 import PasswordHasher

        cost = self._cost
        return PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes)

    def _nobodys(self) -> str:
        """Return a hash of no password, made without the work of one; comparing with it is as much work as ever."""
        cost, parts = self._cost, (b64encode(os.urandom(length)).decode().rstrip("=") for length in (16, 32))
        return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${'$'.join(parts)}"
