"""Read access to another program's data in Redis, so that its files can be imported. Nothing here writes.

Keys and texts are as they are there; bytes that are no UTF-8 are kept apart as surrogates and can be written back.
A key of another kind than is asked for counts as one that has no such field, text or member.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A hash and when it expires (ms since the epoch, None = never). ``fields`` is None when the key is no hash."""

    fields: dict[str, str] | None
    expires_at: int | None = None


class Keyspace(ABC):
    """The keys under one prefix. Names are without it. Every method may raise ``StorageUnavailable``."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Location of the keys without a password; the same for the same place."""

    @abstractmethod
    def scan(self, beginning: str, *, after: str, limit: int) -> tuple[list[str], str]:
        """Return about ``limit`` names that begin so, and the position to go on from, "" at the end.

        Each key that exists all the time is returned at least once.
        """

    @abstractmethod
    def rows(self, names: Sequence[str]) -> list[Row | None]:
        """Return the hashes of these names in order, None where there is no key."""

    @abstractmethod
    def texts(self, names: Sequence[str]) -> list[str | None]:
        """Return the strings of these names in order, None where there is none."""

    @abstractmethod
    def field(self, pairs: Sequence[tuple[str, str]]) -> list[str | None]:
        """Return one field each of several hashes, in order."""

    @abstractmethod
    def fields(self, names: Sequence[str], wanted: Sequence[str]) -> list[list[str | None]]:
        """Return these fields of each of several hashes, in order."""

    @abstractmethod
    def contains(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Return, for each pair of a set and a member, True when the set has the member."""

    @abstractmethod
    def members(self, name: str, *, after: str, limit: int) -> tuple[list[tuple[str, str]], str]:
        """Walk through a set, a sorted set or a hash as ``scan`` does: its members, with a score or a value or ""."""

    @abstractmethod
    def close(self) -> None:
        """Release connections. Closing twice is harmless."""
