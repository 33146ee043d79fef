"""A clip of 4 GB that takes no place: its frames are spread over a file that is otherwise empty."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from tests.media import samples

SIZE = 4 * 10**9
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


@dataclass(frozen=True)
class LargeClip:
    """A file of pieces at places; all other bytes are zero."""

    places: tuple[int, ...]
    pieces: tuple[bytes, ...]

    def read(self, _: int, offset: int, length: int) -> bytes:
        data = bytearray(length)
        first = max(0, bisect_right(self.places, offset) - 1)
        for place, piece in zip(self.places[first:], self.pieces[first:], strict=True):
            if place >= offset + length:
                break
            start, end = max(place, offset), min(place + len(piece), offset + length)
            if start < end:
                data[start - offset : end - offset] = piece[start - place : end - place]
        return bytes(data)


def large_clip(frames: int = 250) -> LargeClip:
    """Spread the chunks of a clip over 4 GB, with the index at the end."""
    data = samples.clip(frames=frames)
    boxes = {name: (start, end) for name, start, end in _boxes(data, 0, len(data))}
    index = data[slice(*boxes[b"moov"])]
    offsets = _offsets(index)
    ends = [*offsets[1:], boxes[b"mdat"][1]]
    spread = [round(SIZE * (number + 0.5) / (len(offsets) + 1)) for number in range(len(offsets))]
    moved = _moved(index, spread)
    head = data[: boxes[b"ftyp"][1]]
    frames_box = struct.pack(">I4sQ", 1, b"mdat", SIZE - len(moved) - len(head))
    chunks = [data[start:end] for start, end in zip(offsets, ends, strict=True)]
    places = (0, len(head), *spread, SIZE - len(moved))
    return LargeClip(places, (head, frames_box, *chunks, moved))


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start < end:
        size, name = struct.unpack_from(">I4s", data, start)
        yield name, start, start + size
        start += size


def _offsets(index: bytes) -> list[int]:
    at = index.index(b"stco") + 8
    [count] = struct.unpack_from(">I", index, at)
    return list(struct.unpack_from(f">{count}I", index, at + 4))


def _moved(box: bytes, offsets: list[int]) -> bytes:
    """The same index with 64-bit places of the chunks."""
    name = box[4:8]
    if name == b"stco":
        body = box[8:12] + struct.pack(f">I{len(offsets)}Q", len(offsets), *offsets)
        return struct.pack(">I4s", len(body) + 8, b"co64") + body
    if name not in _CONTAINERS:
        return box
    body = b"".join(_moved(box[start:end], offsets) for _, start, end in _boxes(box, 8, len(box)))
    return struct.pack(">I4s", len(body) + 8, name) + body
