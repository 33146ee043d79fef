"""A card as a folder of clips and pictures, and its raw read."""

from __future__ import annotations

import os
from pathlib import Path

CLIP_BYTES = 250 * 10**6
PICTURES, PICTURE_BYTES = 40, 5 * 10**6
_BLOCK = 4 << 20


def make_card(root: Path, size: int) -> list[Path]:
    """Make clips and pictures with random content."""
    sizes = [PICTURE_BYTES] * PICTURES
    left = max(0, size - sum(sizes))
    sizes += [CLIP_BYTES] * (left // CLIP_BYTES) + ([left % CLIP_BYTES] if left % CLIP_BYTES else [])
    place = root / "DCIM" / "100GOPRO"
    place.mkdir(parents=True)
    paths = []
    for number, length in enumerate(sizes):
        path = place / (f"GOPR{number:04}.JPG" if length == PICTURE_BYTES else f"GX01{number:04}.MP4")
        with path.open("wb") as file:
            for offset in range(0, length, _BLOCK):
                file.write(os.urandom(min(_BLOCK, length - offset)))
            file.flush()
            os.fsync(file.fileno())
        os.utime(path, (1_700_000_000 + 60 * number,) * 2)
        paths.append(path)
    return paths


def drop(paths: list[Path]) -> None:
    """Drop files from the page cache."""
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_raw(paths: list[Path]) -> None:
    """Read files in blocks, one after another, without a look at the bytes."""
    buffer = bytearray(_BLOCK)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
            while file.readinto(buffer):
                pass
