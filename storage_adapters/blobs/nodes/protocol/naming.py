"""Names of the chunks of a blob.

The index of a blob has the name ``KEY~GENERATION``, or ``KEY~GENERATION.COUNT`` when it has pieces, and these have
``KEY~GENERATION~NUMBER``. A generation is never used again, so no name is: a chunk that comes back with a node cannot
be taken for that of a later blob. Generations are ordered by the time of their making, and a later one of a key was
made where no earlier one was found: the latest with an index and its copies is the blob.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from storage_adapters.blobs.nodes.protocol.effects import Wanted

SEPARATOR = "~"
_GENERATION = re.compile(r"[0-9a-f]{26}")
_NUMBER = re.compile(r"[0-9a-f]{1,6}")
# The number of copies of a name.
Copies = Callable[[str], int]


class ChunkName(NamedTuple):
    """A name, taken apart: ``pieces`` is the count in the name of an index, ``number`` that of a piece, else None."""

    key: str
    generation: str
    pieces: int | None
    number: int | None

    @property
    def is_index(self) -> bool:
        """True for the index of a blob."""
        return self.pieces is not None


def generation_of(microseconds: int, token: bytes) -> str:
    """Return the generation of a time since the epoch and six random bytes."""
    return f"{microseconds:014x}{token.hex()}"


def index_name(key: str, generation: str, pieces: int) -> str:
    """Return the name of the index of a blob."""
    return f"{key}{SEPARATOR}{generation}" + (f".{pieces:x}" if pieces else "")


def piece_name(key: str, generation: str, number: int) -> str:
    """Return the name of a piece of a blob."""
    return f"{key}{SEPARATOR}{generation}{SEPARATOR}{number:06x}"


def piece_names(index: str) -> list[str]:
    """Return the names of the pieces that the name of an index tells."""
    name = parse_name(index)
    if name is None or name.pieces is None:
        return []
    return [piece_name(name.key, name.generation, number) for number in range(name.pieces)]


def parse_name(name: str) -> ChunkName | None:
    """Take a name apart; None for a chunk that is of no blob."""
    key, *rest = name.split(SEPARATOR)
    if not key or not 1 <= len(rest) <= 2:
        return None
    generation, dot, count = rest[0].partition(".")
    if _GENERATION.fullmatch(generation) is None or (dot and _NUMBER.fullmatch(count) is None):
        return None
    if len(rest) == 1:
        return ChunkName(key, generation, int(count, 16) if dot else 0, None)
    if dot or _NUMBER.fullmatch(rest[1]) is None:
        return None
    return ChunkName(key, generation, None, int(rest[1], 16))


def generation_in(name: str) -> str:
    """Return the generation in the name of a chunk, "" for a chunk that is of no blob."""
    parsed = parse_name(name)
    return "" if parsed is None else parsed.generation


def wanted_chunks(
    wanted: Mapping[str, Wanted], stored: Iterable[str], copies: Copies, enough: int
) -> dict[str, Wanted]:
    """Return the chunks that are wanted where metadata want blobs by their keys.

    ``stored`` are all names that nodes have, each once, ``copies`` gives the number of its copies, and ``enough`` is
    the number that confirms a write. Of a wanted blob these are the index and pieces of its generation, and pieces of
    later ones without an index, which may be under way; while it has no index, all its chunks. A name that is no key of
    stored chunks is wanted as it is.
    """
    found: dict[str, Wanted] = {}
    met: set[str] = set()
    # In order, so that the chunks of one key come together, and those of others need no memory meanwhile.
    for key, names in groupby(sorted(stored), lambda name: name.partition(SEPARATOR)[0]):
        if key in wanted:
            chunks = {text: name for text in names if (name := parse_name(text)) is not None}
            if chunks:
                met.add(key)
                found.update((each.chunk_id, each) for each in _of_blob(chunks, wanted[key], copies, enough))
    found.update((key, blob) for key, blob in wanted.items() if key not in met)
    return found


def _of_blob(chunks: Mapping[str, ChunkName], blob: Wanted, copies: Copies, enough: int) -> Iterator[Wanted]:
    """Yield the wanted chunks of a blob; those that must be there are stored.

    A writer that gave way may have left its index on a node that was silent then. So the generation is the one that the
    metadata name, else the latest that is whole and has its copies. While there is none of these, all stay.
    """
    indexes = {name.generation: text for text, name in chunks.items() if name.is_index}
    whole = [each for each, index in indexes.items() if all(piece in chunks for piece in piece_names(index))]
    settled = [each for each in whole if copies(indexes[each]) >= enough]
    certain = [blob.generation] if blob.generation in indexes else settled
    chosen = max(certain or whole or indexes, default="")
    if not indexes and blob.stored:
        # Nothing tells what the blob was: it is lost under its key.
        yield Wanted(blob.chunk_id)
    for generation, index in indexes.items():
        if generation == chosen or not certain:
            for text in (index, *piece_names(index)):
                yield Wanted(text, stored=generation == chosen)
    for text, name in chunks.items():
        if not name.is_index and name.generation > chosen and name.generation not in indexes:
            yield Wanted(text, stored=False)
