"""Bodies of chunks: the bytes of a request, and the range of a file that answers one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a request as they came in, their number and their hash."""

    pieces: Sequence[bytes]
    size: int
    sha256: str

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> Self:
        """Hash the pieces; other threads can run meanwhile."""
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        return cls(pieces, sum(map(len, pieces)), digest.hexdigest())

    def joined(self) -> bytes:
        """Return the bytes as one."""
        return b"".join(self.pieces)


@dataclass(frozen=True, slots=True)
class FileRange:
    """A range of an open file, for the one who sends and closes it."""

    file: BinaryIO
    start: int
    length: int
