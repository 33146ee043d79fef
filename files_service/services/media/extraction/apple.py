"""Content identifier of a Live Photo, which its picture and its clip have in common.

The picture has it in the maker note: 14 bytes (``Apple iOS``, a version and the byte order), then a directory of TIFF
whose entry 17 is its text; places in it count from the beginning of the note. Source: ExifTool, tags of Apple.
"""

from __future__ import annotations

import struct

MAKER_NOTE = 0x927C
QUICKTIME_KEY = "com.apple.quicktime.content.identifier"
_MARK, _HEAD = b"Apple iOS\0", 14
_ORDERS = {b"MM": ">", b"II": "<"}
_IDENTIFIER, _TEXT = 0x0011, 2
_MOST_ENTRIES, _MOST_TEXT = 200, 100


def content_identifier(note: object) -> str | None:
    """Return the identifier in a maker note, None without one."""
    if not isinstance(note, bytes) or not note.startswith(_MARK):
        return None
    order = _ORDERS.get(note[_HEAD - 2 : _HEAD])
    if order is None or len(note) < _HEAD + 2:
        return None
    [count] = struct.unpack_from(f"{order}H", note, _HEAD)
    for number in range(min(count, _MOST_ENTRIES)):
        place = _HEAD + 2 + 12 * number
        if place + 12 > len(note):
            return None
        tag, kind, length = struct.unpack_from(f"{order}HHI", note, place)
        if tag == _IDENTIFIER and kind == _TEXT:
            return _text(note, order, place + 8, length)
    return None


def _text(note: bytes, order: str, place: int, length: int) -> str | None:
    """Return a text of an entry; up to four bytes stand in the entry itself."""
    if length > _MOST_TEXT:
        return None
    start = place if length <= 4 else int(struct.unpack_from(f"{order}I", note, place)[0])
    found = note[start : start + length].rstrip(b"\0")
    return plain(found.decode("ascii", "replace"))


def plain(text: str) -> str | None:
    """Return an identifier without what does not belong into one, None for none at all."""
    shown = text.strip()[:_MOST_TEXT]
    return shown if shown and shown.isascii() and shown.isprintable() else None
