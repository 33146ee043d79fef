"""The index chunk of a blob: its description, and its bytes where they fit, else the hashes of its pieces. No I/O.

One line of JSON, ``files-blob-1 {description}`` with ``pieces`` and ``kept`` (the length of what follows), then the
bytes of a small blob, or 32 bytes of SHA-256 for each piece of ``PIECE_BYTES``; the last piece is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from storage_adapters.codec import blob_info_from_document, blob_info_to_document
from storage_adapters.errors import StorageUnavailable
from storage_adapters.records import BlobInfo

MAGIC = b"files-blob-1 "
PIECE_BYTES = 4 * 1024 * 1024
# A description is far smaller; the first bytes of an index hold it whole.
HEAD_BYTES = 8 * 1024
MOST_PIECES = (PIECE_BYTES - HEAD_BYTES) // 32
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Description:
    """A blob as its index tells it. ``start`` is the offset of the bytes, or hashes, in the index."""

    info: BlobInfo
    pieces: int
    start: int

    @property
    def inline(self) -> bool:
        """True when the index holds the bytes of the blob itself."""
        return not self.pieces


def index_chunk(info: BlobInfo, *, data: bytes | bytearray | memoryview = b"", hashes: bytes = b"") -> bytes:
    """Return the index of a blob with these bytes, or of one whose pieces have these hashes."""
    document = orjson.dumps(
        {"info": orjson.Fragment(blob_info_to_document(info)), "pieces": len(hashes) // _HASH_BYTES}
    )
    return b"".join((MAGIC, document, b"\n", hashes or data))


def description_of(head: bytes) -> Description:
    """Return what the first ``HEAD_BYTES`` of an index describe. Raises StorageUnavailable."""
    end = head.find(b"\n")
    try:
        if not head.startswith(MAGIC) or end < 0:
            raise ValueError("no description")
        document = orjson.loads(head[len(MAGIC) : end])
        info = blob_info_from_document(orjson.dumps(document["info"]))
        return Description(info, int(document["pieces"]), end + 1)
    except (ValueError, TypeError, KeyError) as error:
        raise StorageUnavailable("the description of a blob is damaged") from error


def piece_hash(index: bytes, description: Description, number: int) -> str:
    """Return the SHA-256 of a piece, in hex."""
    start = description.start + number * _HASH_BYTES
    return index[start : start + _HASH_BYTES].hex()
