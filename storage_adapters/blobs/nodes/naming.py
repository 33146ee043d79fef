"""Names of the chunks of a blob. No I/O.

The index of a blob has the name ``KEY~GENERATION``, its pieces ``KEY~GENERATION~NUMBER``. A generation is never used
again, so no name is: a chunk that comes back with a node cannot be taken for that of a later blob. Generations are
ordered by the time of their making, and a later one of a key was made where no earlier one was found: the latest is
the blob, any other one is rubbish.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SEPARATOR = "~"
_GENERATION = re.compile(r"[0-9a-f]{26}")
_NUMBER = re.compile(r"[0-9a-f]{6}")


class ChunkName(NamedTuple):
    """A name, taken apart; ``number`` is None for an index."""

    key: str
    generation: str
    number: int | None


def generation_of(microseconds: int, token: bytes) -> str:
    """Return the generation of a time since the epoch and six random bytes."""
    return f"{microseconds:014x}{token.hex()}"


def index_name(key: str, generation: str) -> str:
    """Return the name of the index of a blob."""
    return f"{key}{SEPARATOR}{generation}"


def piece_name(key: str, generation: str, number: int) -> str:
    """Return the name of a piece of a blob."""
    return f"{key}{SEPARATOR}{generation}{SEPARATOR}{number:06x}"


def parse_name(name: str) -> ChunkName | None:
    """Take a name apart; None for a chunk that is of no blob."""
    key, *rest = name.split(SEPARATOR)
    if not key or not 1 <= len(rest) <= 2 or _GENERATION.fullmatch(rest[0]) is None:
        return None
    if len(rest) == 1:
        return ChunkName(key, rest[0], None)
    return None if _NUMBER.fullmatch(rest[1]) is None else ChunkName(key, rest[0], int(rest[1], 16))
