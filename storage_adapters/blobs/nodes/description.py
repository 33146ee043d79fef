"""The index chunk of a blob. No I/O.

The text beside its bytes is JSON, ``{"info": description, "pieces": number}``. Its bytes are those of a small blob,
``pieces`` is 0 then, or 32 bytes of SHA-256 for each piece of ``PIECE_BYTES``; the last piece is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from storage_adapters.errors import StorageUnavailable
from storage_adapters.records import BlobInfo

PIECE_BYTES = 4 * 1024 * 1024
HASH_BYTES = 32
MOST_PIECES = PIECE_BYTES // HASH_BYTES


@dataclass(frozen=True, slots=True)
class Description:
    """A blob, and the number of its pieces; 0: its bytes are those of the index."""

    info: BlobInfo
    pieces: int

    @property
    def inline(self) -> bool:
        """True when the index has the bytes of the blob itself."""
        return not self.pieces

    def text(self) -> str:
        """Return the text beside the bytes of the index."""
        return orjson.dumps({"info": self.info, "pieces": self.pieces}).decode()


def description_of(text: str) -> Description:
    """Return what the text beside an index describes. Raises StorageUnavailable."""
    try:
        document = orjson.loads(text)
        return Description(BlobInfo(**document["info"]), int(document["pieces"]))
    except (ValueError, TypeError, KeyError) as error:
        raise StorageUnavailable("the description of a blob is damaged") from error
