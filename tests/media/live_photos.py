"""Both halves of a Live Photo, made by Pillow, pillow-heif and PyAV."""

from __future__ import annotations

import io
import struct

import pillow_heif
from PIL import Image

from tests.media import samples

QUICKTIME_KEY = "com.apple.quicktime.content.identifier"


def maker_note(identifier: str, *, order: str = ">") -> bytes:
    """A maker note of Apple with another entry, and the identifier as entry 17."""
    text = identifier.encode() + b"\0"
    head = b"Apple iOS\0\0\x01" + (b"MM" if order == ">" else b"II")
    place = len(head) + 2 + 2 * 12 + 4
    entries = struct.pack(f"{order}HHII", 0x0001, 9, 1, 14) + struct.pack(f"{order}HHII", 0x0011, 2, len(text), place)
    return head + struct.pack(f"{order}H", 2) + entries + bytes(4) + text


def exif(identifier: str, **options: str) -> Image.Exif:
    """Exif as a phone writes it."""
    made = samples.exif_of(taken="2024:05:01 12:15:30")
    made.get_ifd(0x8769)[0x927C] = maker_note(identifier, **options)
    return made


def jpeg(identifier: str) -> bytes:
    return samples.jpeg(exif=exif(identifier))


def heic(identifier: str) -> bytes:
    pillow_heif.register_heif_opener()
    target = io.BytesIO()
    samples.two_halves().save(target, "HEIF", quality=60, exif=exif(identifier).tobytes())
    return target.getvalue()


def mov(identifier: str) -> bytes:
    return samples.clip("mov", frames=10, metadata=((QUICKTIME_KEY, identifier),))
