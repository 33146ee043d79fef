"""Types of files by their first bytes, where signatures alone mislead or do not suffice."""

from __future__ import annotations

import re

import orjson

from files_service.domain.media_types import PATTERN

# Of ISO base media files (ISO/IEC 14496-12): the first known brand decides, the major one before the compatible ones.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), "audio/mp4"),
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"3gp4", b"3gp5", b"3gp6", b"3gp7"), "video/3gpp"),
    b"crx ": "image/x-canon-cr3",
    **dict.fromkeys((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"dash"), "video/mp4"),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"f4v "), "video/mp4"),
}
# Of still images in general: what the compatible brands name is more exact.
_IMAGE_BRANDS = (b"mif1", b"msf1")
_OFFICE = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_STREAM_TYPE = "video/mp2t"
_DIB_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


def type_of_bytes(head: bytes, *, whole: bool) -> str | None:
    """Return the type of a file by its first bytes, which may be all; "" for none, None to leave it to signatures."""
    if head[4:8] == b"ftyp":
        return _type_of_brands(head)
    if head.startswith(b"PK\x03\x04"):
        return _type_of_archive(head)
    if head.startswith(b"BM"):
        return "image/bmp" if int.from_bytes(head[14:18], "little") in _DIB_SIZES and not any(head[6:10]) else ""
    if head.startswith(b"glTF"):
        return "model/gltf-binary"
    if head[:1] in (b"{", b"["):
        return "application/json" if _is_json(head, whole=whole) else ""
    return _STREAM_TYPE if _is_transport_stream(head) else None


def _type_of_brands(head: bytes) -> str:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if brands[0] in _IMAGE_BRANDS:
        return next((_BRANDS[each] for each in brands if _BRANDS.get(each, "").startswith("image/")), "image/heif")
    return next((_BRANDS[each] for each in brands if each in _BRANDS), "")


def _type_of_archive(head: bytes) -> str:
    """Return the type of a zip by the names of its first entries."""
    names = []
    at = 0
    while head[at : at + 4] == b"PK\x03\x04":
        name_end = at + 30 + int.from_bytes(head[at + 26 : at + 28], "little")
        names.append(head[at + 30 : name_end])
        start = name_end + int.from_bytes(head[at + 28 : at + 30], "little")
        at = start + int.from_bytes(head[at + 18 : at + 22], "little")
        if names == [b"mimetype"]:
            # OpenDocument and EPUB name their type in the first entry, which is stored as it is.
            said = head[start:at].decode("ascii", "replace")
            return said if re.fullmatch(PATTERN, said) and said.startswith("application/") else "application/zip"
    if any(name in (b"[Content_Types].xml", b"_rels/.rels") for name in names):
        # The entries behind a large one are out of sight; their names are not.
        for prefix, found in _OFFICE.items():
            if any(name.startswith(prefix) for name in names) or prefix in head:
                return found
    return "application/zip"


def _is_transport_stream(head: bytes) -> bool:
    """Return True for packets of 188 bytes, also with a time of 4 bytes before each (cameras: .mts)."""
    for first, step in ((0, 188), (4, 192)):
        marks = head[first::step]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return True
    return False


def _is_json(head: bytes, *, whole: bool) -> bool:
    if whole:
        try:
            orjson.loads(head)
        except orjson.JSONDecodeError:
            return False
        return True
    try:
        # A character may be cut at the end.
        text = head[:-3].decode()
    except UnicodeDecodeError:
        return False
    return text[1:].lstrip(" \t\r\n")[:1] in {*'"{[]}-0123456789tfn'} and not any(
        character < " " and character not in "\t\r\n" for character in text
    )
